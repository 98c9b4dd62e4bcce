"""Scores: the teacher, the student that is distilled from it, the judge of the run.

REQUIRED INPUTS: results/{run}/candidates/{task}/{shard}.h5
OUTPUTS:
    results/{run}/teacher/{task}/{shard}.parquet      teacher scores of pairs and of known defects made from them
    results/{run}/scorer/                             the student, its agreement with the teacher, manifest.json
    results/{run}/scorer.checkpoints/                 no output: survives a failed fine-tuning; delete it to start again
    results/{run}/replies.parquet                     replies of teacher and student to some held-out pairs
    results/{run}/scores/{task}/{shard}.parquet       the judge's scores of every candidate
    results/{run}/judges/{judge}/{task}/{shard}.parquet  scores of each judge of an ensemble, which are then combined
"""


rule teach_shard:
    input:
        candidates="results/{run}/candidates/{task}/{teacher_shard}.h5",
        scores=SCORES_OF_TEACHER,
    output:
        "results/{run}/teacher/{task}/{teacher_shard}.parquet",
    log:
        "logs/{run}/teach/{task}/{teacher_shard}.log",
    benchmark:
        "benchmarks/{run}/teach/{task}/{teacher_shard}.tsv"
    priority: 4
    conda:
        "../../envs/score.yaml"
    params:
        scores=scores_option,
        teacher=format_judge_options(CONFIG.scoring.teacher),
        fingerprint=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.teacher)),
        pairs=teacher_pairs_option,
        defects=CONFIG.scoring.teacher_defects,
        version=DEFECTS_VERSION,
        seed=CONFIG.seed,
    message:
        "Score pairs and known defects for the student: {wildcards.task} {wildcards.teacher_shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" teach.py {input.candidates} {params.scores} {params.teacher} {params.pairs}'
        " --defects-per-pair {params.defects} --seed {params.seed} --out {output} > {log} 2>&1"


if CONFIG.scoring.teacher == "api":

    ruleorder: ask_teacher > teach_shard

    use rule teach_shard as ask_teacher with:
        resources:
            endpoint=1,
        message:
            "Score pairs for the student at the endpoint: {wildcards.task} {wildcards.teacher_shard}; {log}"


rule train_student:
    input:
        candidates=expand_run("results/{run}/candidates/{task}/{teacher_shard}.h5", TEACHER_GROUPS),
        teacher=expand_run("results/{run}/teacher/{task}/{teacher_shard}.parquet", TEACHER_GROUPS),
        start=get_start_weights,
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
        candidates=run_pattern("candidates/{task}/{shard}.h5"),
        teacher=run_pattern("teacher/{task}/{shard}.parquet"),
        shards=teacher_shards_option,
        out_dir=subpath(output.manifest, parent=True),
        options=as_json(CONFIG.scoring.student),
        start=get_start_digest,
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
            candidates=expand_run("results/{run}/candidates/{task}/{teacher_shard}.h5", TEACHER_GROUPS),
            teacher=expand_run("results/{run}/teacher/{task}/{teacher_shard}.parquet", TEACHER_GROUPS),
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
            candidates=run_pattern("candidates/{task}/{shard}.h5"),
            teacher=run_pattern("teacher/{task}/{shard}.parquet"),
            shards=teacher_shards_option,
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
            candidates=expand_run("results/{run}/candidates/{task}/{teacher_shard}.h5", TEACHER_GROUPS),
            teacher=expand_run("results/{run}/teacher/{task}/{teacher_shard}.parquet", TEACHER_GROUPS),
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
            candidates=run_pattern("candidates/{task}/{shard}.h5"),
            teacher=run_pattern("teacher/{task}/{shard}.parquet"),
            shards=teacher_shards_option,
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
        scorer=get_scorer(CONFIG.scoring.judge),
        parts=get_scorer_parts(CONFIG.scoring.judge),
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
        fingerprint=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.scoring.judge)),
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
        scorer=get_member_scorer,
        parts=get_member_parts,
    output:
        "results/{run}/judges/{judge}/{task}/{shard}.parquet",
    log:
        "logs/{run}/score/{judge}/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/score/{judge}/{task}/{shard}.tsv"
    wildcard_constraints:
        judge=format_member_pattern(asks=False),
    priority: 5
    conda:
        "../../envs/score.yaml"
    params:
        options=member_options,
        fingerprint=get_member_fingerprint,
    message:
        "Score pairs by {wildcards.judge}: {wildcards.task} {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" score.py {input.candidates} {params.options} --out {output} > {log} 2>&1'


use rule score_by_judge as ask_by_judge with:
    wildcard_constraints:
        judge=format_member_pattern(asks=True),
    resources:
        endpoint=1,
    message:
        "Score pairs at the endpoint of {wildcards.judge}: {wildcards.task} {wildcards.shard}; {log}"


if CONFIG.scoring.judge == "ensemble":

    ruleorder: combine_scores > score_shard

    rule combine_scores:
        input:
            get_member_scores,
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
