"""Source photos: index of accepted photos with ratio and shard, and shards of photos.

REQUIRED INPUTS: the shipped sample, the folder sources.path, or the archives of sources.path.
OUTPUTS:
    results/{run}/sources/index.parquet            every file: accepted with its shard, or skipped with the reason
    results/{run}/sources/{shard}.tar              the photos of a shard, WebDataset layout
    results/{run}/sources/bench.tar                the photos held out for the benchmark
    results/{run}/sources/bench.parquet            their ids and digests
    results/{run}/sources/index/{shard}.parquet    for archives, each of which is a shard: its part of the index
    next to each index, {name}.read.json           size, time and sha256 of the files read (omniedit.sources.file_identity)
"""

if CONFIG.sources.are_archives:

    # All benchmark photos come from the first archive, so that no stage waits for the last one.
    ruleorder: stream_first_sources > stream_sources

    rule stream_sources:
        output:
            photos="results/{run}/sources/{shard}.tar",
            index="results/{run}/sources/index/{shard}.parquet",
        log:
            "logs/{run}/stream_sources/{shard}.log",
        benchmark:
            "benchmarks/{run}/stream_sources/{shard}.tsv"
        conda:
            "../../envs/sources.yaml"
        params:
            archive=get_archive,
            kind=CONFIG.sources.kind,
            column=["--image-column", CONFIG.sources.image_column] if CONFIG.sources.image_column else [],
            min_pixels=CONFIG.sources.min_pixels,
            max_pixels=CONFIG.sources.max_pixels,
            tolerance=CONFIG.sources.ratio_tolerance,
            crop=CONFIG.sources.crop,
            bench="",
            content=get_sources_key,
        message:
            "Stream photos from {params.archive}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" stream_sources.py {params.archive:q} --kind {params.kind} {params.column:q}'
            " --min-pixels {params.min_pixels}"
            " --max-pixels {params.max_pixels} --ratio-tolerance {params.tolerance} --crop {params.crop}"
            " --out {output.photos} --index {output.index} {params.bench} > {log} 2>&1"

    use rule stream_sources as stream_first_sources with:
        output:
            photos="results/{run}/sources/00000.tar",
            index="results/{run}/sources/index/00000.parquet",
            bench_photos="results/{run}/sources/bench.tar",
            bench="results/{run}/sources/bench.parquet",
        log:
            "logs/{run}/stream_sources/00000.log",
        benchmark:
            "benchmarks/{run}/stream_sources/00000.tsv"
        params:
            bench=bench_option,

    rule gather_index:
        input:
            expand_run("results/{run}/sources/index/{shard}.parquet"),
        output:
            "results/{run}/sources/index.parquet",
        log:
            "logs/{run}/gather_index.log",
        benchmark:
            "benchmarks/{run}/gather_index.tsv"
        conda:
            "../../envs/sources.yaml"
        params:
            parts=subpath(input[0], parent=True),
            shards=len(SHARDS),
        message:
            "Gather the index of all archives; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" gather_index.py {params.parts} --shards {params.shards} --out {output} > {log} 2>&1'

elif CONFIG.sources.are_photos:

    rule index_sources:
        output:
            index="results/{run}/sources/index.parquet",
            bench="results/{run}/sources/bench.parquet",
        log:
            "logs/{run}/index_sources.log",
        benchmark:
            "benchmarks/{run}/index_sources.tsv"
        conda:
            "../../envs/sources.yaml"
        params:
            kind=CONFIG.sources.kind,
            path=get_photos_folder,
            min_pixels=CONFIG.sources.min_pixels,
            max_pixels=CONFIG.sources.max_pixels,
            tolerance=CONFIG.sources.ratio_tolerance,
            crop=CONFIG.sources.crop,
            shards=CONFIG.sources.shards,
            bench_photos=CONFIG.bench.photos,
            seed=CONFIG.seed,
            content=get_sources_key,
        message:
            "Index the source photos; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" index_sources.py --kind {params.kind} --path={params.path:q} --min-pixels {params.min_pixels}'
            " --max-pixels {params.max_pixels} --ratio-tolerance {params.tolerance} --crop {params.crop}"
            " --shards {params.shards} --bench-photos {params.bench_photos} --seed {params.seed} --out {output.index}"
            " --bench {output.bench} > {log} 2>&1"

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
            path=get_photos_folder,
        message:
            "Pack the photos of {wildcards.photos}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" pack_sources.py {input} --shard {wildcards.photos} --path={params.path:q} --out {output} > {log} 2>&1'
