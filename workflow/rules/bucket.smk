"""Zarr buckets by aspect ratio: plan the place of each accepted pair, write whole Zarr shards in parallel, seal.

REQUIRED INPUTS: results/{run}/decisions/gathered/{block}.parquet, results/{run}/candidates/{task}/{shard}.h5
OUTPUTS:
    results/{run}/buckets/plan.parquet      the place of every accepted pair
    results/{run}/buckets/parts/{part}/     whole Zarr shards, each written by one job
    results/{run}/buckets/{ratio}.zarr      the seven buckets
    results/{run}/buckets/manifest.json     counts and checksums
"""


rule plan_buckets:
    input:
        expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        # Snakemake removes the plan before the job, unless the store grows from it.
        (update if CONFIG.buckets.grow else str)("results/{run}/buckets/plan.parquet"),
    log:
        "logs/{run}/plan_buckets.log",
    benchmark:
        "benchmarks/{run}/plan_buckets.tsv"
    priority: 5
    conda:
        "../../envs/bucket.yaml"
    params:
        decisions=run_pattern("decisions/gathered/{block}.parquet"),
        blocks=blocks_option,
        base_size=CONFIG.buckets.base_size,
        pairs_per_zarr_shard=CONFIG.buckets.pairs_per_zarr_shard,
        parts=CONFIG.buckets.parts,
        held_out=CONFIG.train.held_out,
        seed=CONFIG.seed,
        codec=CONFIG.buckets.codec,
        grow="--grow" if CONFIG.buckets.grow else "",
        shares=import_shares_option,
        max_pairs=f"--max-pairs {CONFIG.buckets.max_pairs}" if CONFIG.buckets.max_pairs else "",
    message:
        "Plan the buckets; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" plan_buckets.py --decisions {params.decisions:q} {params.blocks} --base-size {params.base_size}'
        " --pairs-per-zarr-shard {params.pairs_per_zarr_shard} --parts {params.parts}"
        " --held-out {params.held_out} --seed {params.seed} --codec {params.codec} {params.grow} {params.shares:q} {params.max_pairs} --out {output} > {log} 2>&1"


rule write_buckets:
    input:
        plan="results/{run}/buckets/plan.parquet",
    output:
        "results/{run}/buckets/parts/{part}/manifest.json",
    log:
        "logs/{run}/write_buckets/{part}.log",
    benchmark:
        "benchmarks/{run}/write_buckets/{part}.tsv"
    priority: 5
    conda:
        "../../envs/bucket.yaml"
    params:
        candidates="results/{run}/candidates",
        out_dir=subpath(output[0], parent=True),
    message:
        "Write part {wildcards.part} of the buckets; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" write_buckets.py {input.plan} --part {wildcards.part} --candidates-root {params.candidates}'
        " --out {params.out_dir} > {log} 2>&1"


rule seal_buckets:
    input:
        plan="results/{run}/buckets/plan.parquet",
        parts=expand_run("results/{run}/buckets/parts/{part}/manifest.json"),
    output:
        expand("results/{{run}}/buckets/{ratio}.zarr/{file}", ratio=list(RATIOS), file=["zarr.json", "pairs.parquet"]),
        manifest="results/{run}/buckets/manifest.json",
    log:
        "logs/{run}/seal_buckets.log",
    benchmark:
        "benchmarks/{run}/seal_buckets.tsv"
    priority: 5
    conda:
        "../../envs/bucket.yaml"
    params:
        folder=run_pattern("buckets/parts/{part}"),
        parts=len(PARTS),
        out_dir=subpath(output.manifest, parent=True),
    message:
        "Seal the buckets; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" seal_buckets.py {input.plan} --parts {params.folder:q} --count {params.parts} --out-dir {params.out_dir}'
        " --manifest {output.manifest} > {log} 2>&1"
