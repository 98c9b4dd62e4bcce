"""Canary: a fixed set of pairs that every run scores twice, to detect drift of its judge.

REQUIRED INPUTS: results/{run}/scores/{task}/{shard}.parquet of the first shard
OUTPUTS:
    results/{run}/canary.json                         the judge's drift since its first scores of the canary
    results/{run}/canary/{judge}.json                 the same for each judge of an ensemble
"""


rule score_canary:
    input:
        scorer=get_scorer(CONFIG.scoring.judge),
        parts=get_scorer_parts(CONFIG.scoring.judge),
        # Scored again whenever pairs are, even with the same judge: the model behind its name may have changed.
        scores=expand_run("results/{run}/scores/{task}/{shard}.parquet")[:1],
    output:
        scores="results/{run}/canary.parquet",
        drift="results/{run}/canary.json",
    log:
        "logs/{run}/score_canary.log",
    benchmark:
        "benchmarks/{run}/score_canary.tsv"
    # An alarm comes after one shard, before all the others, which would have to be scored again.
    priority: 6
    conda:
        "../../envs/score.yaml"
    resources:
        endpoint=int(CONFIG.scoring.judge == "api"),
    params:
        judge=CONFIG.scoring.judge,
        scorer=scorer_option,
        config="results/{run}/config.json",
        spent="results/{run}/spent",
        kept=CONFIG.scoring.canary,
        fingerprint=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.judge)),
    message:
        "Score the canary; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score_canary.py --config {params.config} {params.scorer} --spent {params.spent}'
        " --kept {params.kept:q} --out {output.scores} --drift {output.drift} > {log} 2>&1"


rule score_canary_by_judge:
    input:
        scorer=get_member_scorer,
        parts=get_member_parts,
        scores=get_member_example,
    output:
        scores="results/{run}/canary/{judge}.parquet",
        drift="results/{run}/canary/{judge}.json",
    log:
        "logs/{run}/score_canary/{judge}.log",
    benchmark:
        "benchmarks/{run}/score_canary/{judge}.tsv"
    priority: 6
    conda:
        "../../envs/score.yaml"
    resources:
        endpoint=get_member_slots,
    params:
        scorer=member_scorer_option,
        config="results/{run}/config.json",
        spent=get_member_spent,
        kept=CONFIG.scoring.canary,
        fingerprint=get_member_fingerprint,
    message:
        "Score the canary by {wildcards.judge}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score_canary.py --config {params.config} --member {wildcards.judge} {params.scorer}'
        " --spent {params.spent} --kept {params.kept:q} --out {output.scores} --drift {output.drift} > {log} 2>&1"
