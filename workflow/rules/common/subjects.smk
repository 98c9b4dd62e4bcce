"""Inputs and options of the rules that find subjects and paint them."""

CLUSTER_KEYS = {
    *("source", "path", "image_column", "text_column", "url_column", "group_by", "is_partitioned", "per_shard"),
    *("min_demonstrations", "max_demonstrations", "min_similarity", "max_similarity", "features", "captions"),
    "resolution",
}


def get_cluster_models(wildcards):
    """Return the files that give the folders of the models that find and describe subjects."""
    roles = [CONFIG.subjects.features] if CONFIG.subjects.features else []
    roles += [PROPOSER] if CONFIG.subjects.captions == "model" and CONFIG.proposals.source == "local" else []
    return [f"models/{role}.json" for role in roles]


def get_expert_models(wildcards):
    """Return the files that give the folders of an expert's base and of the models that filter its images."""
    roles = [*CONFIG.subjects.roles]
    roles += [PROPOSER] if CONFIG.subjects.prompts == "model" and CONFIG.proposals.source == "local" else []
    return [f"models/{role}.json" for role in dict.fromkeys(roles)]


def get_cluster_options(wildcards):
    """Return all that decides the subjects, as JSON without secrets."""
    given = CONFIG.subjects.model_dump(mode="json", include=CLUSTER_KEYS) | {"seed": CONFIG.seed}
    fingerprint = CONFIG.proposals.fingerprint if CONFIG.subjects.captions == "model" else ""
    return json.dumps([redact_values(given), fingerprint])


def get_expert_options(wildcards):
    """Return all that decides the pairs of subjects, as JSON without secrets."""
    fingerprint = CONFIG.proposals.fingerprint if CONFIG.subjects.prompts == "model" else ""
    return json.dumps([to_json(CONFIG.subjects), CONFIG.seed, fingerprint])
