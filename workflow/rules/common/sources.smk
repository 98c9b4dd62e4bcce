"""Inputs and options of the rules that read photos and import pairs."""

import functools

from omniedit.redaction import redact
from omniedit.storage.archives import is_remote, list_archives


def get_photos_folder(wildcards):
    """Return the folder of photos as a `Path`, which Snakemake does not compare with that of an earlier run.

    Photos are identified by their content, not by their place. It is a function for the reason given in `verbatim`.
    """
    return Path(CONFIG.sources.path) if CONFIG.sources.path else ""


def get_archive(wildcards):
    """Return the archive of a shard, or the first one for the rule without {shard}.

    It is a `Path` as in `get_photos_folder`, or a URL without its secrets, which the job gets from its environment.
    """
    archive = list_run_archives()[int(wildcards.get("shard", 0))]
    return redact(archive) if is_remote(archive) else Path(archive)


@functools.cache
def list_run_archives():
    return list_archives(CONFIG.sources.path, CONFIG.sources.kind, len(SHARDS))


def get_sources_key(wildcards):
    """Return the key by which Snakemake detects changed photos or a changed archive; empty in the job's own process."""
    return RUN.identities[int(wildcards.get("shard", 0))].key if RUN.identities else ""


def bench_option(wildcards, output):
    photos = f"--bench-photos {CONFIG.bench.photos} --seed {CONFIG.seed}"
    return f"{photos} --bench-tar {output.bench_photos} --bench {output.bench}"


def import_shards_option(wildcards):
    """Return the same as `shards_option` for the imported data sets and the pairs of subjects."""
    return f"--tasks {' '.join(CONFIG.pair_groups)} --shards {len(SHARDS)}"


def get_import_bench(wildcards):
    """Return the index of held-out sources if the run benchmarks imported pairs, else nothing."""
    return [] if CONFIG.sources.are_photos else f"results/{wildcards.run}/sources/bench.parquet"


def get_data_set(wildcards):
    """Return the address of an imported data set: a `Path` as in `get_photos_folder`, or a URL without its secrets."""
    path = CONFIG.data_sets[wildcards.task].path
    return redact(path) if is_remote(path) else Path(path)


def import_options(wildcards):
    """Return the options of an import as JSON. The share is left out, because it only affects the training pairs."""
    return to_json(CONFIG.data_sets[wildcards.task], exclude={"path", "share"})


def get_import_key(wildcards):
    """Return the key by which Snakemake detects a changed data set; empty in the job's own process."""
    return RUN.imports[wildcards.task, int(wildcards.shard)].key if RUN.imports else ""
