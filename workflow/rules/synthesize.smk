"""Edit pairs: each task's specialist on each shard of photos.

REQUIRED INPUTS: results/{run}/sources/{shard}.tar
OUTPUTS: results/{run}/candidates/{task}/{shard}.h5 (omniedit/pairs.py)
"""


rule synthesize_shard:
    input:
        "results/{run}/sources/{shard}.tar",
    output:
        "results/{run}/candidates/{task}/{shard}.h5",
    log:
        "logs/{run}/synthesize/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/synthesize/{task}/{shard}.tsv"
    conda:
        "../../envs/synthesize.yaml"
    params:
        specialist=specialist_of_task,
        pairs=pairs_of_task,
        seed=CONFIG.seed,
    shell:
        "python scripts/synthesize.py {input} --task {wildcards.task} --specialist {params.specialist}"
        " --pairs {params.pairs} --seed {params.seed} --out {output} > {log} 2>&1"
