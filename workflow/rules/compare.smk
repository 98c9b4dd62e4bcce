"""Comparison of the run's editors with others on public benchmarks and other sets (`bench.sets`); none by default.

REQUIRED INPUTS: results/{run}/train/{editor}/manifest.json, the user's copy of each set
OUTPUTS:
    results/{run}/bench/sets/{comparison}/{entry}/edits/             an editor's outputs, with edits*.jsonl
    results/{run}/bench/sets/{comparison}/{entry}/edited.{portion}   mark of a share whose items were all attempted
    results/{run}/bench/sets/{comparison}/{entry}/scores/            scores of each judge
    results/{run}/bench/sets/{comparison}/{entry}/metrics.parquet    metrics
    results/{run}/bench/sets/{comparison}/table.*                    tables
"""


rule compare_edit:
    input:
        get_entry_editor,
    output:
        touch("results/{run}/bench/sets/{comparison}/{entry}/edited.{portion}"),
    log:
        "logs/{run}/compare_edit/{comparison}/{entry}.{portion}.log",
    benchmark:
        "benchmarks/{run}/compare_edit/{comparison}/{entry}.{portion}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        set=get_set_arguments,
        editor=get_entry_argument,
        shard=get_portion,
    message:
        "Edit {wildcards.comparison}: {wildcards.entry}, {wildcards.portion}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_set.py {params.set:q} --editors {params.editor:q} --only edit --shard {params.shard}'
        " --out results/{wildcards.run}/bench/sets/{wildcards.comparison} > {log} 2>&1"


rule compare_score:
    input:
        edited=expand(
            "results/{{run}}/bench/sets/{{comparison}}/{{entry}}/edited.{portion}", portion=CONFIG.bench.portions
        ),
        models=get_bench_judge_models,
    output:
        "results/{run}/bench/sets/{comparison}/{entry}/scores/{bench_judge}.parquet",
    log:
        "logs/{run}/compare_score/{comparison}/{entry}.{bench_judge}.log",
    benchmark:
        "benchmarks/{run}/compare_score/{comparison}/{entry}.{bench_judge}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    resources:
        endpoint=get_bench_judge_slots,
    params:
        set=get_set_arguments,
        editor=get_entry_argument,
        fingerprint=get_bench_judge_fingerprint,
    message:
        "Score {wildcards.comparison}: {wildcards.entry} by {wildcards.bench_judge}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_set.py {params.set:q} --editors {params.editor:q} --only score'
        " --judges {wildcards.bench_judge} --config results/{wildcards.run}/config.json"
        " --spent results/{wildcards.run}/spent --yes"
        " --out results/{wildcards.run}/bench/sets/{wildcards.comparison} > {log} 2>&1"


rule compare_measure:
    input:
        expand("results/{{run}}/bench/sets/{{comparison}}/{{entry}}/edited.{portion}", portion=CONFIG.bench.portions),
    output:
        "results/{run}/bench/sets/{comparison}/{entry}/metrics.parquet",
    log:
        "logs/{run}/compare_measure/{comparison}/{entry}.log",
    benchmark:
        "benchmarks/{run}/compare_measure/{comparison}/{entry}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        set=get_set_arguments,
        editor=get_entry_argument,
    message:
        "Measure {wildcards.comparison}: {wildcards.entry}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_set.py {params.set:q} --editors {params.editor:q} --only measure'
        " --out results/{wildcards.run}/bench/sets/{wildcards.comparison} > {log} 2>&1"


rule compare_table:
    input:
        scores=get_comparison_scores,
        metrics=expand("results/{{run}}/bench/sets/{{comparison}}/{entry}/metrics.parquet", entry=ENTRIES),
    output:
        "results/{run}/bench/sets/{comparison}/table.md",
        "results/{run}/bench/sets/{comparison}/table.csv",
        "results/{run}/bench/sets/{comparison}/table.tex",
    log:
        "logs/{run}/compare_table/{comparison}.log",
    benchmark:
        "benchmarks/{run}/compare_table/{comparison}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        set=get_set_arguments,
        editors=get_entry_arguments,
        judges=",".join(CONFIG.bench.judge_names),
    message:
        "Write the tables of {wildcards.comparison}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_set.py {params.set:q} --editors {params.editors:q} --judges {params.judges}'
        " --config results/{wildcards.run}/config.json --only table"
        " --out results/{wildcards.run}/bench/sets/{wildcards.comparison} > {log} 2>&1"
