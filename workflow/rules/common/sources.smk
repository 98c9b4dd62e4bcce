"""Inputs and options of the rules that read photos and import pairs."""

import functools

from omniedit.redaction import redact
from omniedit.storage.archives import is_remote, list_archives


def photos_folder(wildcards):
    """Return the folder of photos as a `Path`, which Snakemake does not compare with that of an earlier run.

    Photos are identified by their content, not by their place. It is a function for the reason given in `verbatim`.
    """
    return Path(CONFIG.sources.path) if CONFIG.sources.path else ""


def archive_of_shard(wildcards):
    """Return the archive of a shard, or the first one for the rule without {shard}.

    It is a `Path` as in `photos_folder`, or a URL without its secrets, which the job gets from its environment.
    """
    archive = archives()[int(wildcards.get("shard", 0))]
    return redact(archive) if is_remote(archive) else Path(archive)


@functools.cache
def archives():
    return list_archives(CONFIG.sources.path, CONFIG.sources.kind, len(SHARDS))


def content_of_sources(wildcards):
    """Return the key by which Snakemake detects changed photos or a changed archive; empty in the job's own process."""
    return RUN.identities[int(wildcards.get("shard", 0))].key if RUN.identities else ""


def bench_option(wildcards, output):
    photos = f"--bench-photos {CONFIG.bench.photos} --seed {CONFIG.seed}"
    return f"{photos} --bench-tar {output.bench_photos} --bench {output.bench}"


def imported_shards(wildcards):
    """Return the same as `all_shards` for the imported data sets and the pairs of subjects."""
    return f"--tasks {' '.join(CONFIG.pair_groups)} --shards {len(SHARDS)}"


def bench_of_imports(wildcards):
    """Return the index of held-out sources if the run benchmarks imported pairs, else nothing."""
    return [] if CONFIG.sources.are_photos else f"results/{wildcards.run}/sources/bench.parquet"


def data_set_of_group(wildcards):
    """Return the address of an imported data set: a `Path` as in `photos_folder`, or a URL without its secrets."""
    path = CONFIG.data_sets[wildcards.task].path
    return redact(path) if is_remote(path) else Path(path)


def import_options(wildcards):
    """Return the options of an import as JSON. The share is left out, because it only affects the training pairs."""
    return to_json(CONFIG.data_sets[wildcards.task], exclude={"path", "share"})


def content_of_import(wildcards):
    """Return the key by which Snakemake detects a changed data set; empty in the job's own process."""
    return RUN.imports[wildcards.task, int(wildcards.shard)].key if RUN.imports else ""
