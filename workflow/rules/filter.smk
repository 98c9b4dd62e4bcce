"""Filter: quality gates over all pairs, and the decision on each candidate.

REQUIRED INPUTS:
    results/{run}/candidates/{task}/{shard}.h5
    results/{run}/scores/{task}/{shard}.parquet
    results/{run}/sources/bench.parquet               photos of the benchmark, whose pairs are rejected
    results/{run}/decisions/human.jsonl               decisions by hand, if it exists
OUTPUTS:
    results/{run}/faults/signatures/                  the measurements of each pair that the quality gates need
    results/{run}/faults/findings.parquet             faults of pairs, over all shards
    results/{run}/decisions/{task}/{shard}.parquet    accepted or rejected, with the reason
    results/{run}/decisions/gathered/{block}.parquet  the decisions of some shards of all tasks in one table
"""


rule sign_shard:
    input:
        "results/{run}/candidates/{task}/{shard}.h5",
    output:
        "results/{run}/faults/signatures/{task}/{shard}.parquet",
    log:
        "logs/{run}/sign/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/sign/{task}/{shard}.tsv"
    priority: 5
    conda:
        "../../envs/score.yaml"
    message:
        "Measure pairs for the quality gates: {wildcards.task} {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" sign_pairs.py {input} --out {output} > {log} 2>&1'


rule find_faults:
    input:
        expand("results/{{run}}/faults/signatures/{task}/{shard}.parquet", task=CONFIG.gate_groups, shard=SHARDS),
    output:
        "results/{run}/faults/findings.parquet",
    log:
        "logs/{run}/find_faults.log",
    benchmark:
        "benchmarks/{run}/find_faults.tsv"
    priority: 5
    conda:
        "../../envs/score.yaml"
    params:
        signatures=run_pattern("faults/signatures/{task}/{shard}.parquet"),
        shards=gate_shards_option,
        gates=as_json(CONFIG.gates),
    message:
        "Find faults of pairs; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" find_faults.py {params.signatures:q} {params.shards} --gates {params.gates:q} --out {output} > {log} 2>&1'


rule decide_shard:
    input:
        findings="results/{run}/faults/findings.parquet" if CONFIG.gate_groups else [],
        scores=expand("results/{{run}}/scores/{task}/{{shard}}.parquet", task=GROUPS),
        candidates=expand("results/{{run}}/candidates/{task}/{{shard}}.h5", task=GROUPS),
        bench="results/{run}/sources/bench.parquet",
        by_hand=get_decisions_by_hand,
    output:
        expand("results/{{run}}/decisions/{task}/{{shard}}.parquet", task=GROUPS),
    log:
        "logs/{run}/decide/{shard}.log",
    benchmark:
        "benchmarks/{run}/decide/{shard}.tsv"
    priority: 5
    conda:
        "../../envs/score.yaml"
    params:
        min_score=CONFIG.filter.min_score,
        min_scores=task_thresholds_option,
        best_of=best_of_option,
        disagreement=disagreement_option,
        by_hand=by_hand_option,
        faults=faults_option,
    message:
        "Filter the pairs of {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" decide.py --scores {input.scores} --candidates {input.candidates} --bench {input.bench}'
        " --min-score {params.min_score} {params.min_scores:q} {params.best_of} {params.disagreement} {params.by_hand} {params.faults:q} --out {output} > {log} 2>&1"


rule gather_decisions:
    input:
        get_block_decisions,
    output:
        "results/{run}/decisions/gathered/{block}.parquet",
    log:
        "logs/{run}/gather_decisions/{block}.log",
    benchmark:
        "benchmarks/{run}/gather_decisions/{block}.tsv"
    priority: 5
    conda:
        "../../envs/score.yaml"
    message:
        "Gather decisions: block {wildcards.block}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" gather_decisions.py {input} --out {output} > {log} 2>&1'
