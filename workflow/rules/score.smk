"""Scores and decisions: the teacher, the student that is distilled from it, the judge of the run, the filter.

REQUIRED INPUTS: results/{run}/candidates/{task}/{shard}.h5; results/{run}/decisions/human.jsonl if it exists
OUTPUTS:
    results/{run}/teacher/{task}/{shard}.parquet      teacher scores of pairs and of known defects made from them
    results/{run}/scorer/                             the student, its agreement with the teacher, manifest.json
    results/{run}/scorer.checkpoints/                 no output: survives a failed fine-tuning; delete it to start again
    results/{run}/replies.parquet                     replies of teacher and student to some held-out pairs
    results/{run}/scores/{task}/{shard}.parquet       the judge's scores of every candidate
    results/{run}/judges/{judge}/{task}/{shard}.parquet  scores of each judge of an ensemble, which are then combined
    results/{run}/canary.json                         the judge's drift since its first scores of the canary
    results/{run}/canary/{judge}.json                 the same for each judge of an ensemble
    results/{run}/faults/signatures/                  the measurements of each pair that the quality gates need
    results/{run}/faults/findings.parquet             faults of pairs, over all shards
    results/{run}/decisions/{task}/{shard}.parquet    accepted or rejected, with the reason
    results/{run}/decisions/gathered/{block}.parquet  the decisions of some shards of all tasks in one table
"""


rule teach_shard:
    input:
        candidates="results/{run}/candidates/{task}/{taught}.h5",
        scores=SCORES_OF_TEACHER,
    output:
        "results/{run}/teacher/{task}/{taught}.parquet",
    log:
        "logs/{run}/teach/{task}/{taught}.log",
    benchmark:
        "benchmarks/{run}/teach/{task}/{taught}.tsv"
    priority: 4
    conda:
        "../../envs/score.yaml"
    params:
        scores=scores_option,
        teacher=options_for(CONFIG.scoring.teacher),
        asked=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.teacher)),
        pairs=pairs_taught,
        defects=CONFIG.scoring.teacher_defects,
        version=DEFECTS_VERSION,
        seed=CONFIG.seed,
    message:
        "Score pairs and known defects for the student: {wildcards.task} {wildcards.taught}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" teach.py {input.candidates} {params.scores} {params.teacher} {params.pairs}'
        " --defects-per-pair {params.defects} --seed {params.seed} --out {output} > {log} 2>&1"


if CONFIG.scoring.teacher == "api":

    ruleorder: ask_teacher > teach_shard

    use rule teach_shard as ask_teacher with:
        resources:
            endpoint=1,
        message:
            "Score pairs for the student at the endpoint: {wildcards.task} {wildcards.taught}; {log}"


rule train_student:
    input:
        candidates=of_run("results/{run}/candidates/{task}/{taught}.h5", TEACHER_GROUPS),
        teacher=of_run("results/{run}/teacher/{task}/{taught}.parquet", TEACHER_GROUPS),
        start=weights_of_start,
    output:
        manifest="results/{run}/scorer/manifest.json",
        replies="results/{run}/replies.parquet",
    log:
        "logs/{run}/train_student.log",
    benchmark:
        "benchmarks/{run}/train_student.tsv"
    priority: 4
    conda:
        "../../envs/score.yaml"
    params:
        candidates=pattern("candidates/{task}/{shard}.h5"),
        teacher=pattern("teacher/{task}/{shard}.parquet"),
        shards=taught_shards,
        out_dir=subpath(output.manifest, parent=True),
        options=as_json(CONFIG.scoring.student),
        start=content_of_start,
        views=VIEWS_VERSION,
        seed=CONFIG.seed,
    message:
        "Train the student judge; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" train_student.py --candidates {params.candidates:q} --teacher {params.teacher:q} {params.shards}'
        " --options {params.options:q} --seed {params.seed} --out {params.out_dir} --replies {output.replies} > {log} 2>&1"


if CONFIG.scoring.finetune.model:

    ruleorder: finetune_student > train_student
    ruleorder: show_replies > train_student

    rule finetune_student:
        input:
            model=f"models/{CONFIG.scoring.finetune.model}.json",
            candidates=of_run("results/{run}/candidates/{task}/{taught}.h5", TEACHER_GROUPS),
            teacher=of_run("results/{run}/teacher/{task}/{taught}.parquet", TEACHER_GROUPS),
        output:
            "results/{run}/scorer/manifest.json",
        log:
            "logs/{run}/train_student.log",
        benchmark:
            "benchmarks/{run}/train_student.tsv"
        priority: 4
        conda:
            "../../envs/train.yaml"
        threads: 2
        resources:
            nodes=1,
            # Per node: one for each GPU, or for each core without GPUs.
            ranks=2,
        params:
            candidates=pattern("candidates/{task}/{shard}.h5"),
            teacher=pattern("teacher/{task}/{shard}.parquet"),
            shards=taught_shards,
            out_dir=subpath(output[0], parent=True),
            checkpoints="results/{run}/scorer.checkpoints",
            options=as_json(CONFIG.scoring.finetune),
            max_tiles=CONFIG.scoring.internvl.max_tiles,
            seed=CONFIG.seed,
        message:
            "Fine-tune the student judge on {resources.nodes} x {resources.ranks} ranks; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" launch_ranks.sh {resources.nodes} {resources.ranks} {threads} {log}.ranks finetune_student.py'
            " --model {input.model} --candidates {params.candidates:q} --teacher {params.teacher:q} {params.shards}"
            " --options {params.options:q} --max-tiles {params.max_tiles} --seed {params.seed}"
            " --checkpoints {params.checkpoints} --out {params.out_dir} > {log} 2>&1"

    rule show_replies:
        input:
            scorer="results/{run}/scorer/manifest.json",
            candidates=of_run("results/{run}/candidates/{task}/{taught}.h5", TEACHER_GROUPS),
            teacher=of_run("results/{run}/teacher/{task}/{taught}.parquet", TEACHER_GROUPS),
        output:
            "results/{run}/replies.parquet",
        log:
            "logs/{run}/show_replies.log",
        benchmark:
            "benchmarks/{run}/show_replies.tsv"
        conda:
            "../../envs/score.yaml"
        params:
            scorer=subpath(input.scorer, parent=True),
            candidates=pattern("candidates/{task}/{shard}.h5"),
            teacher=pattern("teacher/{task}/{shard}.parquet"),
            shards=taught_shards,
            config="results/{run}/config.json",
        message:
            "Write replies of the student next to the teacher's; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" show_replies.py {params.scorer} --candidates {params.candidates:q} --teacher {params.teacher:q}'
            " {params.shards} --config {params.config} --out {output} > {log} 2>&1"

    check_shares("finetune_student", "scoring.finetune.batch_size", CONFIG.scoring.finetune)


rule score_shard:
    input:
        candidates="results/{run}/candidates/{task}/{shard}.h5",
        scorer=scorer_for(CONFIG.scoring.judge),
        parts=parts_for(CONFIG.scoring.judge),
    output:
        "results/{run}/scores/{task}/{shard}.parquet",
    log:
        "logs/{run}/score/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/score/{task}/{shard}.tsv"
    priority: 5
    conda:
        "../../envs/score.yaml"
    params:
        options=judge_options,
        asked=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.judge)),
    message:
        "Score pairs: {wildcards.task} {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score.py {input.candidates} {params.options} --out {output} > {log} 2>&1'


if CONFIG.scoring.judge == "api":

    ruleorder: ask_shard > score_shard

    # Needs the network and no GPU. The resource limits concurrent jobs, because an endpoint's limits apply to each job.
    use rule score_shard as ask_shard with:
        resources:
            endpoint=1,
        message:
            "Score pairs at the endpoint: {wildcards.task} {wildcards.shard}; {log}"


rule score_by_judge:
    input:
        candidates="results/{run}/candidates/{task}/{shard}.h5",
        scorer=scorer_of_member,
        parts=parts_of_member,
    output:
        "results/{run}/judges/{judge}/{task}/{shard}.parquet",
    log:
        "logs/{run}/score/{judge}/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/score/{judge}/{task}/{shard}.tsv"
    wildcard_constraints:
        judge=pattern_of_members(asks=False),
    priority: 5
    conda:
        "../../envs/score.yaml"
    params:
        options=member_options,
        asked=member_fingerprint,
    message:
        "Score pairs by {wildcards.judge}: {wildcards.task} {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score.py {input.candidates} {params.options} --out {output} > {log} 2>&1'


use rule score_by_judge as ask_by_judge with:
    wildcard_constraints:
        judge=pattern_of_members(asks=True),
    resources:
        endpoint=1,
    message:
        "Score pairs at the endpoint of {wildcards.judge}: {wildcards.task} {wildcards.shard}; {log}"


if CONFIG.scoring.judge == "ensemble":

    ruleorder: combine_scores > score_shard

    rule combine_scores:
        input:
            scores_of_members,
        output:
            "results/{run}/scores/{task}/{shard}.parquet",
        log:
            "logs/{run}/combine/{task}/{shard}.log",
        benchmark:
            "benchmarks/{run}/combine/{task}/{shard}.tsv"
        priority: 5
        conda:
            "../../envs/score.yaml"
        params:
            judges=MEMBERS,
            combination=as_json(CONFIG.scoring.ensemble, exclude={"judges"}),
        message:
            "Combine the judges' scores: {wildcards.task} {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" combine_scores.py {input} --judges {params.judges} --combination {params.combination:q}'
            " --out {output} > {log} 2>&1"


rule score_canary:
    input:
        scorer=scorer_for(CONFIG.scoring.judge),
        parts=parts_for(CONFIG.scoring.judge),
        # Scored again whenever pairs are, even by the same judge: the model behind its name may have changed.
        scores=of_run("results/{run}/scores/{task}/{shard}.parquet")[:1],
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
        asked=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.judge)),
    message:
        "Score the canary; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score_canary.py --config {params.config} {params.scorer} --spent {params.spent}'
        " --kept {params.kept:q} --out {output.scores} --drift {output.drift} > {log} 2>&1"


rule score_canary_by_judge:
    input:
        scorer=scorer_of_member,
        parts=parts_of_member,
        scores=first_scores_of_member,
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
        endpoint=endpoints_of_member,
    params:
        scorer=member_scorer_option,
        config="results/{run}/config.json",
        spent=member_spent,
        kept=CONFIG.scoring.canary,
        asked=member_fingerprint,
    message:
        "Score the canary by {wildcards.judge}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score_canary.py --config {params.config} --member {wildcards.judge} {params.scorer}'
        " --spent {params.spent} --kept {params.kept:q} --out {output.scores} --drift {output.drift} > {log} 2>&1"


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
        signatures=pattern("faults/signatures/{task}/{shard}.parquet"),
        shards=gated_shards,
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
        by_hand=decisions_by_hand,
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
        min_scores=task_thresholds,
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
        decisions_of_block,
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
