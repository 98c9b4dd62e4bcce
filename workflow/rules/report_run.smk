"""Pages for `snakemake --report` about trainings, benchmarks and the run itself; each is also a file of its own.

REQUIRED INPUTS: the outputs of all stages
OUTPUTS: results/{run}/report/*
"""


# Slurm's accounting may be accessible only from the machine that submits jobs.
localrules:
    report_efficiency,


rule report_training:
    input:
        base=get_base_metrics,
        inpainting=get_inpainting_metrics,
        editors=expand_run("results/{run}/train/{editor}.metrics.jsonl"),
        # The folder of each editor is next to its metrics and holds samples.png.
        manifests=expand_run("results/{run}/train/{editor}/manifest.json"),
    output:
        report(
            "results/{run}/report/training.html",
            caption="../report/training.rst",
            category="3 Editor",
            labels={"page": "Training"},
        ),
    log:
        "logs/{run}/report_training.log",
    benchmark:
        "benchmarks/{run}/report_training.tsv"
    conda:
        "../../envs/report.yaml"
    message:
        "Report: training; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_training.py --run {wildcards.run} --base {input.base} --inpainting {input.inpainting}'
        " --editors {input.editors} --out {output} > {log} 2>&1"


rule report_benchmark:
    input:
        table="results/{run}/bench/table3.parquet",
        scores=expand_run("results/{run}/bench/{model}/{task}.parquet", BENCH_GROUPS),
        edits=expand_run("results/{run}/bench/{model}/{task}.h5", BENCH_GROUPS),
    output:
        report(
            "results/{run}/report/benchmark.html",
            caption="../report/benchmark.rst",
            category="3 Editor",
            labels={"page": "Benchmark"},
        ),
    log:
        "logs/{run}/report_benchmark.log",
    benchmark:
        "benchmarks/{run}/report_benchmark.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        filtered_by=CONFIG.scoring.judge,
    message:
        "Report: benchmark; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_benchmark.py --run {wildcards.run} --table {input.table} --scores {input.scores}'
        " --edits {input.edits} --filtered-by {params.filtered_by} --out {output} > {log} 2>&1"


rule report_side_by_side:
    input:
        scores=expand_run("results/{run}/bench/{model}/{task}.parquet", BENCH_GROUPS),
        edits=expand_run("results/{run}/bench/{model}/{task}.h5", BENCH_GROUPS),
    output:
        report(
            "results/{run}/report/side_by_side.html",
            caption="../report/side_by_side.rst",
            category="3 Editor",
            labels={"page": "Editors side by side"},
        ),
    log:
        "logs/{run}/report_side_by_side.log",
    benchmark:
        "benchmarks/{run}/report_side_by_side.tsv"
    conda:
        "../../envs/report.yaml"
    message:
        "Report: editors side by side; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_side_by_side.py --run {wildcards.run} --scores {input.scores}'
        " --edits {input.edits} --out {output} > {log} 2>&1"


rule report_throughput:
    input:
        other_pages,
    output:
        report(
            "results/{run}/report/throughput.html",
            caption="../report/throughput.rst",
            category="4 Run",
            labels={"page": "Throughput"},
        ),
    log:
        "logs/{run}/report_throughput.log",
    benchmark:
        "benchmarks/{run}/report_throughput.tsv"
    conda:
        "../../envs/report.yaml"
    message:
        "Report: throughput; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_throughput.py --run {wildcards.run} --benchmarks benchmarks/{wildcards.run}'
        " --logs logs/{wildcards.run} --out {output} > {log} 2>&1"


rule report_efficiency:
    input:
        other_pages,
    output:
        report(
            "results/{run}/report/efficiency.html",
            caption="../report/efficiency.rst",
            category="4 Run",
            labels={"page": "Requested and used"},
        ),
    log:
        "logs/{run}/report_efficiency.log",
    benchmark:
        "benchmarks/{run}/report_efficiency.tsv"
    conda:
        "../../envs/report.yaml"
    message:
        "Report: requested from Slurm and used; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_efficiency.py --run {wildcards.run} --logs logs/{wildcards.run} --out {output} > {log} 2>&1'


rule report_provenance:
    input:
        index=get_indexes,
        decisions=expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        report(
            "results/{run}/report/provenance.html",
            caption="../report/provenance.rst",
            category="4 Run",
            labels={"page": "Provenance"},
        ),
    log:
        "logs/{run}/report_provenance.log",
    benchmark:
        "benchmarks/{run}/report_provenance.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        shards=shards_option,
        config=as_json(CONFIG),
    message:
        "Report: provenance; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_provenance.py --config {params.config:q} --index {input.index}'
        " --candidates {params.candidates:q} {params.shards} --out {output} > {log} 2>&1"
