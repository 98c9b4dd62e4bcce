"""Pairs that are derived from the scored pairs of tasks and data sets (section `grow`).

REQUIRED INPUTS: results/{run}/candidates/{task}/{shard}.h5 and scores/{task}/{shard}.parquet of all tasks and data sets
OUTPUTS:
    results/{run}/candidates/inverse/{shard}.h5        accepted pairs, source and edited image exchanged
    results/{run}/candidates/composed/{shard}.h5       two accepted edits, or a session, in one step
    results/{run}/candidates/recaptioned/{shard}.h5    good edits with an instruction that says what they did
"""

if CONFIG.grow.derived:

    rule grow_pairs:
        input:
            candidates=expand("results/{{run}}/candidates/{task}/{{shard}}.h5", task=FIRST_GROUPS),
            scores=expand("results/{{run}}/scores/{task}/{{shard}}.parquet", task=FIRST_GROUPS),
        output:
            "results/{run}/candidates/{task}/{shard}.h5",
        log:
            "logs/{run}/grow/{task}/{shard}.log",
        benchmark:
            "benchmarks/{run}/grow/{task}/{shard}.tsv"
        wildcard_constraints:
            task="|".join(CONFIG.grow.derived),
        priority: 5
        conda:
            "../../envs/synthesize.yaml"
        params:
            min_score=CONFIG.filter.min_score,
            min_scores=task_thresholds_option,
            seed=CONFIG.seed,
        message:
            "Derive pairs: {wildcards.task} {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" grow_pairs.py {wildcards.task} --candidates {input.candidates} --scores {input.scores}'
            " --min-score {params.min_score} {params.min_scores:q} --seed {params.seed} --out {output} > {log} 2>&1"


if CONFIG.grow.recaption:

    # Needs a GPU if the model is local, else the network. The resource limits concurrent jobs at an endpoint.
    rule recaption_shard:
        input:
            candidates=expand("results/{{run}}/candidates/{task}/{{shard}}.h5", task=FIRST_GROUPS),
            scores=expand("results/{{run}}/scores/{task}/{{shard}}.parquet", task=FIRST_GROUPS),
            model=get_proposer,
        output:
            "results/{run}/candidates/{task}/{shard}.h5",
        log:
            "logs/{run}/recaption/{task}/{shard}.log",
        benchmark:
            "benchmarks/{run}/recaption/{task}/{shard}.tsv"
        wildcard_constraints:
            task="recaptioned",
        priority: 5
        conda:
            "../../envs/synthesize.yaml"
        resources:
            endpoint=int(CONFIG.proposals.source == "api"),
        params:
            # If this fingerprint has changed, new instructions are requested again.
            fingerprint=get_proposals_fingerprint,
        message:
            "Rewrite instructions: {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" recaption.py --candidates {input.candidates} --scores {input.scores}'
            " --config results/{wildcards.run}/config.json --spent results/{wildcards.run}/spent/proposals"
            " --out {output} > {log} 2>&1"
