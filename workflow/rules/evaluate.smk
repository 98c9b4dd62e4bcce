"""The benchmark: held-out photos x the seven tasks, the editor beside 'no edit' and the specialist's own output.

REQUIRED INPUTS: results/{run}/sources/bench.tar, results/{run}/train/editnet
OUTPUTS:
    results/{run}/bench/set/{task}.h5           what is asked: source, instruction, the specialist's output
    results/{run}/bench/{model}/{task}.h5       each model's edits
    results/{run}/bench/{model}/{task}.parquet  the judge's scores and the preservation of what was not to change
    results/{run}/bench/table3.*                the table in the form of the paper's Table 3
"""


rule synthesize_bench:
    input:
        photos="results/{run}/sources/bench.tar",
        donors=of_run("results/{run}/sources/{shard}.tar")[:1],
    output:
        "results/{run}/bench/set/{task}.h5",
    log:
        "logs/{run}/synthesize_bench/{task}.log",
    benchmark:
        "benchmarks/{run}/synthesize_bench/{task}.tsv"
    conda:
        "../../envs/synthesize.yaml"
    params:
        specialist=specialist_of_task,
        pairs=CONFIG.bench.pairs_per_task,
        seed=CONFIG.seed,
    shell:
        "python scripts/synthesize.py {input.photos} --donors {input.donors} --task {wildcards.task}"
        " --specialist {params.specialist} --pairs {params.pairs} --seed {params.seed} --out {output} > {log} 2>&1"
