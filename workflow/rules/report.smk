"""Pages for `snakemake --report` about pairs and their scores; each is also a file of its own.

REQUIRED INPUTS: gathered decisions, which imply candidates and scores; proposals; the student's replies and agreement
OUTPUTS: results/{run}/report/*
"""


rule report_gallery:
    input:
        expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        [
            report(
                f"results/{{run}}/report/gallery.{task}.html",
                caption="../report/gallery.rst",
                category="1 Edit pairs",
                labels={"pairs": Task(task).label},
            )
            for task in GROUPS
        ],
    log:
        "logs/{run}/report_gallery.log",
    benchmark:
        "benchmarks/{run}/report_gallery.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        scores=run_pattern("scores/{task}/{shard}.parquet"),
        decisions=run_pattern("decisions/{task}/{shard}.parquet"),
        shards=shards_option,
        min_score=CONFIG.filter.min_score,
        min_scores=task_thresholds_option,
        seed=CONFIG.seed,
        out_dir=subpath(output[0], parent=True),
    message:
        "Report: pairs of each task; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_gallery.py --run {wildcards.run} --candidates {params.candidates:q}'
        " --scores {params.scores:q} --decisions {params.decisions:q} {params.shards}"
        " --min-score {params.min_score} {params.min_scores:q} --seed {params.seed} --out-dir {params.out_dir} > {log} 2>&1"


rule report_sheet:
    input:
        expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        report(
            "results/{run}/report/pairs.jpg",
            caption="../report/sheet.rst",
            category="1 Edit pairs",
            labels={"pairs": "All tasks at a glance"},
        ),
    log:
        "logs/{run}/report_sheet.log",
    benchmark:
        "benchmarks/{run}/report_sheet.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        scores=run_pattern("scores/{task}/{shard}.parquet"),
        decisions=run_pattern("decisions/{task}/{shard}.parquet"),
        shards=shards_option,
    message:
        "Report: all tasks at a glance; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_sheet.py --candidates {params.candidates:q} --scores {params.scores:q}'
        " --decisions {params.decisions:q} {params.shards} --out {output} > {log} 2>&1"


rule report_proposals:
    input:
        collect("results/{run}/proposals/{photos}.parquet", run=CONFIG.run, photos=[*SHARDS, "bench"]),
    output:
        report(
            "results/{run}/report/proposals.html",
            caption="../report/proposals.rst",
            category="1 Edit pairs",
            labels={"pairs": "Proposals"},
        ),
    log:
        "logs/{run}/report_proposals.log",
    benchmark:
        "benchmarks/{run}/report_proposals.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        folder=subpath(input[0], parent=True),
        shards=len(SHARDS),
    message:
        "Report: proposals; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_proposals.py {params.folder} --shards {params.shards} --run {wildcards.run} --out {output}'
        " > {log} 2>&1"


rule report_summary:
    input:
        index=get_indexes,
        decisions=expand_run("results/{run}/decisions/gathered/{block}.parquet"),
        buckets="results/{run}/buckets/manifest.json",
        scorer=get_student,
        editor=f"results/{{run}}/train/{CONFIG.train.model}.metrics.jsonl",
        table="results/{run}/bench/table3.parquet",
    output:
        "results/{run}/report/summary.html",
    log:
        "logs/{run}/report_summary.log",
    benchmark:
        "benchmarks/{run}/report_summary.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        decisions=run_pattern("decisions/gathered/{block}.parquet"),
        blocks=blocks_option,
        scorer=student_option,
        model=CONFIG.train.model,
        min_score=CONFIG.filter.lowest,
    message:
        "Report: front page; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_summary.py --index {input.index} --decisions {params.decisions:q} {params.blocks} --buckets {input.buckets}'
        " {params.scorer} --model {params.model} --editor {input.editor} --table {input.table} --min-score {params.min_score}"
        " --out {output} > {log} 2>&1"


rule report_filter:
    input:
        expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        report(
            "results/{run}/report/filter.html",
            caption="../report/filter.rst",
            category="2 Scores",
            labels={"page": "Scores and filter"},
        ),
    log:
        "logs/{run}/report_filter.log",
    benchmark:
        "benchmarks/{run}/report_filter.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        scores=run_pattern("scores/{task}/{shard}.parquet"),
        decisions=run_pattern("decisions/{task}/{shard}.parquet"),
        shards=shards_option,
        min_score=CONFIG.filter.min_score,
        min_scores=task_thresholds_option,
    message:
        "Report: scores and filter; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_filter.py --run {wildcards.run} --candidates {params.candidates:q}'
        " --scores {params.scores:q} --decisions {params.decisions:q} {params.shards}"
        " --min-score {params.min_score} {params.min_scores:q} --out {output} > {log} 2>&1"


rule report_thresholds:
    input:
        decisions=expand_run("results/{run}/decisions/gathered/{block}.parquet"),
        canary=get_canary,
        teacher=get_teacher_scores,
        ratings=get_ratings,
    output:
        report(
            "results/{run}/report/thresholds.html",
            caption="../report/thresholds.rst",
            category="2 Scores",
            labels={"page": "What the scores are worth"},
        ),
    log:
        "logs/{run}/report_thresholds.log",
    benchmark:
        "benchmarks/{run}/report_thresholds.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        scores=run_pattern("scores/{task}/{shard}.parquet"),
        decisions=run_pattern("decisions/{task}/{shard}.parquet"),
        shards=shards_option,
        canary=canary_option,
        teacher=teacher_option,
        ratings=ratings_option,
        min_score=CONFIG.filter.min_score,
        min_scores=task_thresholds_option,
    message:
        "Report: what the scores are worth; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_thresholds.py --run {wildcards.run} --candidates {params.candidates:q}'
        " --scores {params.scores:q} --decisions {params.decisions:q} {params.shards} {params.canary}"
        " {params.teacher:q} {params.ratings} --min-score {params.min_score} {params.min_scores:q}"
        " --out {output} > {log} 2>&1"


rule report_agreement:
    input:
        "results/{run}/scorer/manifest.json",
        replies="results/{run}/replies.parquet",
    output:
        page=report(
            "results/{run}/report/agreement.html",
            caption="../report/agreement.rst",
            category="2 Scores",
            labels={"page": "Student judge"},
        ),
        figures="results/{run}/report/agreement.json",
    log:
        "logs/{run}/report_agreement.log",
    benchmark:
        "benchmarks/{run}/report_agreement.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        scorer=subpath(input[0], parent=True),
        judge=CONFIG.scoring.judge,
        min_score=CONFIG.filter.min_score,
    message:
        "Report: student judge; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" report_agreement.py {params.scorer} --run {wildcards.run} --judge {params.judge}'
        " --replies {input.replies} --min-score {params.min_score} --out {output.page} --figures {output.figures} > {log} 2>&1"
