"""Source photos: which are kept, at which ratio, in which shard.

REQUIRED INPUTS: the shipped sample, or the folder sources.path.
OUTPUTS:
    results/{run}/sources/index.parquet    every file seen: kept with its shard, or refused with the reason
    results/{run}/sources/{shard}.tar      the photos of a shard, WebDataset layout
    results/{run}/sources/bench.tar        the photos held out for the benchmark
"""


rule index_sources:
    output:
        "results/{run}/sources/index.parquet",
    log:
        "logs/{run}/index_sources.log",
    benchmark:
        "benchmarks/{run}/index_sources.tsv"
    conda:
        "../../envs/sources.yaml"
    params:
        kind=CONFIG.sources.kind,
        path=path_option,
        min_pixels=CONFIG.sources.min_pixels,
        max_pixels=CONFIG.sources.max_pixels,
        tolerance=CONFIG.sources.ratio_tolerance,
        crop=CONFIG.sources.crop,
        shards=CONFIG.sources.shards,
        bench_photos=CONFIG.bench.photos,
        seed=CONFIG.seed,
        # Another text where a file of the folder came, went or changed.
        listing=LISTING,
    message:
        "Index the source photos; {log}"
    shell:
        "python scripts/index_sources.py --kind {params.kind} {params.path:q} --min-pixels {params.min_pixels}"
        " --max-pixels {params.max_pixels} --ratio-tolerance {params.tolerance} --crop {params.crop}"
        " --shards {params.shards} --bench-photos {params.bench_photos} --seed {params.seed} --out {output} > {log} 2>&1"


rule pack_sources:
    input:
        "results/{run}/sources/index.parquet",
    output:
        "results/{run}/sources/{photos}.tar",
    log:
        "logs/{run}/pack_sources/{photos}.log",
    benchmark:
        "benchmarks/{run}/pack_sources/{photos}.tsv"
    wildcard_constraints:
        photos=r"\d{5}|bench",
    conda:
        "../../envs/sources.yaml"
    params:
        path=path_option,
    message:
        "Pack the photos of {wildcards.photos}; {log}"
    shell:
        "python scripts/pack_sources.py {input} --shard {wildcards.photos} {params.path:q} --out {output} > {log} 2>&1"
