"""Edit pairs of other data sets: `sources.kind: pairs`, and `imports` in addition to the pairs of specialists.

REQUIRED INPUTS: the files of imports.<name>.path, or of sources.path for kind `pairs`
OUTPUTS:
    results/{run}/candidates/{task}/{shard}.h5    the pairs of a data set, whose name is {task}; each pair has its own task
    results/{run}/sources/imports.parquet         source images of the pairs with their licences; rows without a pair
    results/{run}/candidates/{task}/{shard}.read.json    size, time and sha256 of the files read
    results/{run}/bench/set/{task}.h5             without photos: pairs held out for the benchmark
    results/{run}/sources/bench.parquet           without photos: their sources
"""

if CONFIG.data_sets:

    rule import_shard:
        output:
            "results/{run}/candidates/{task}/{shard}.h5",
        log:
            "logs/{run}/import/{task}/{shard}.log",
        benchmark:
            "benchmarks/{run}/import/{task}/{shard}.tsv"
        wildcard_constraints:
            task="|".join(map(re.escape, CONFIG.data_sets)),
        priority: 5
        conda:
            "../../envs/sources.yaml"
        params:
            path=get_data_set,
            options=import_options,
            shards=len(SHARDS),
            content=get_import_key,
        message:
            "Import pairs: {wildcards.task} {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" import_pairs.py {params.path:q} --name {wildcards.task} --options {params.options:q}'
            " --shard {wildcards.shard} --shards {params.shards} --out {output} > {log} 2>&1"


if CONFIG.pair_groups:

    rule index_imports:
        input:
            candidates=expand("results/{{run}}/candidates/{task}/{shard}.h5", task=CONFIG.pair_groups, shard=SHARDS),
            bench=get_import_bench,
        output:
            "results/{run}/sources/imports.parquet",
        log:
            "logs/{run}/index_imports.log",
        benchmark:
            "benchmarks/{run}/index_imports.tsv"
        conda:
            "../../envs/sources.yaml"
        params:
            candidates=run_pattern("candidates/{task}/{shard}.h5"),
            shards=import_shards_option,
            bench=lambda wildcards, input: f"--bench {input.bench}" if input.bench else "",
        message:
            "Index the sources of imported pairs; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" index_imports.py {params.candidates:q} {params.shards} {params.bench} --out {output} > {log} 2>&1'

    if not CONFIG.sources.are_photos:

        rule hold_out_pairs:
            input:
                expand_run("results/{run}/candidates/{task}/00000.h5", list(CONFIG.pair_groups)),
            output:
                pairs=expand("results/{{run}}/bench/set/{task}.h5", task=CONFIG.pair_groups),
                bench="results/{run}/sources/bench.parquet",
            log:
                "logs/{run}/hold_out_pairs.log",
            benchmark:
                "benchmarks/{run}/hold_out_pairs.tsv"
            conda:
                "../../envs/sources.yaml"
            params:
                sources=CONFIG.bench.photos,
                pairs=CONFIG.bench.pairs_per_task,
                seed=CONFIG.seed,
            message:
                "Hold out pairs for the benchmark; {log}"
            shell:
                'sh "$OMNIEDIT_RUN" hold_out_pairs.py {input} --sources {params.sources} --pairs {params.pairs}'
                " --seed {params.seed} --out {output.pairs} --bench {output.bench} > {log} 2>&1"
