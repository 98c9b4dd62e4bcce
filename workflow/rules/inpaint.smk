"""Inpainting specialist that the run trains on its own photos, if `learned.inpainting` is `own`.

REQUIRED INPUTS: results/{run}/sources/{shard}.tar, results/{run}/objects/{shard}.parquet, the base of train.smk
OUTPUTS:
    results/{run}/train/inpainting/                the specialist, samples.png, manifest.json
    results/{run}/train/inpainting.metrics.jsonl   losses and rates, a JSON line each
    results/{run}/train/inpainting.checkpoints/    no output: survives a failed job; delete it to start again
"""


rule train_inpainting:
    input:
        base=get_base,
        photos=expand_inpainting_shards("results/{run}/sources/{shard}.tar"),
        objects=expand_inpainting_shards("results/{run}/objects/{shard}.parquet"),
        bench="results/{run}/sources/bench.parquet",
    output:
        specialist="results/{run}/train/inpainting/manifest.json",
        metrics="results/{run}/train/inpainting.metrics.jsonl",
    log:
        "logs/{run}/train_inpainting.log",
    benchmark:
        "benchmarks/{run}/train_inpainting.tsv"
    # Candidates of four tasks need its output.
    priority: 10
    conda:
        "../../envs/train.yaml"
    threads: 2
    resources:
        nodes=1,
        # Per node: one for each GPU, or for each core without GPUs.
        ranks=2,
    params:
        base=get_base_folder,
        out_dir=subpath(output.specialist, parent=True),
        checkpoints="results/{run}/train/inpainting.checkpoints",
        photos=run_pattern("sources/{shard}.tar"),
        objects=run_pattern("objects/{shard}.parquet"),
        shards=len(expand_inpainting_shards("{shard}")),
        options=as_json(CONFIG.inpainting.training(CONFIG.train)),
        holes=as_json(CONFIG.inpainting.holes),
        seed=CONFIG.seed,
    message:
        "Train the inpainting specialist on {resources.nodes} x {resources.ranks} ranks; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" launch_ranks.sh {resources.nodes} {resources.ranks} {threads} {log}.ranks train_inpainting.py'
        " --photos {params.photos:q} --bench {input.bench} --objects {params.objects:q} --shards {params.shards} --base {params.base}"
        " --options {params.options:q}"
        " --holes {params.holes:q} --seed {params.seed} --checkpoints {params.checkpoints}"
        " --metrics {output.metrics} --out {params.out_dir} > {log} 2>&1"


if trains_inpainting(CONFIG):
    check_shares("train_inpainting", "inpainting.batch_size", CONFIG.inpainting.training(CONFIG.train))
