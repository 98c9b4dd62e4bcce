"""Benchmark: held-out photos x the seven tasks; the editor compared with 'no edit' and the specialist's own output.

REQUIRED INPUTS: results/{run}/sources/bench.tar, results/{run}/train/{editor}/manifest.json
OUTPUTS:
    results/{run}/bench/set/{task}.h5           source, instruction, the specialist's output
    results/{run}/bench/{model}/{task}.h5       each model's edits
    results/{run}/bench/{model}/{task}.parquet  the judge's scores and preservation metrics
    results/{run}/bench/table3.*                the table in the form of the paper's Table 3
    results/{run}/train/{editor}/README.md      the editor's model card
"""


rule synthesize_bench:
    input:
        photos="results/{run}/sources/bench.tar",
        donors=expand_run("results/{run}/sources/{shard}.tar")[:1],
        objects=get_bench_objects,
        removals=get_removals("results/{run}/bench/set/{task}.h5"),
        proposals=get_proposals,
        models=get_task_models,
        inpainting=get_inpainting,
    output:
        "results/{run}/bench/set/{task}.h5",
    log:
        "logs/{run}/synthesize_bench/{task}.log",
    benchmark:
        "benchmarks/{run}/synthesize_bench/{task}.tsv"
    wildcard_constraints:
        task=SPECIALIST_TASKS,
    conda:
        "../../envs/synthesize.yaml"
    params:
        specialist=get_specialist,
        options=specialist_options,
        removals=removals_option,
        pairs=CONFIG.bench.pairs_per_task,
        seed=CONFIG.seed,
    message:
        "Make benchmark pairs: {wildcards.task}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" synthesize.py {input.photos} --donors {input.donors} --task {wildcards.task}'
        " --specialist {params.specialist} {params.options:q} {params.removals} --pairs {params.pairs} --seed {params.seed}"
        " --out {output} > {log} 2>&1"


rule bench_edit:
    input:
        pairs=expand_run("results/{run}/bench/set/{task}.h5", BENCH_GROUPS),
        editor=get_editor,
    output:
        expand("results/{{run}}/bench/{{model}}/{task}.h5", task=BENCH_GROUPS),
    log:
        "logs/{run}/bench_edit/{model}.log",
    benchmark:
        "benchmarks/{run}/bench_edit/{model}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        out_dir=subpath(output[0], parent=True),
        pipeline=pipeline_option,
        resolution=CONFIG.train.resolution,
        steps=CONFIG.bench.steps,
        guidance_text=CONFIG.bench.guidance_text,
        guidance_image=CONFIG.bench.guidance_image,
        seed=CONFIG.seed,
    message:
        "Edit the benchmark: {wildcards.model}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_edit.py {input.pairs} --model {wildcards.model} {params.pipeline}'
        " --resolution {params.resolution} --steps {params.steps} --guidance-text {params.guidance_text}"
        " --guidance-image {params.guidance_image} --seed {params.seed} --out-dir {params.out_dir} > {log} 2>&1"


rule bench_score:
    input:
        edits=expand("results/{{run}}/bench/{{model}}/{task}.h5", task=BENCH_GROUPS),
        scorer=get_scorer(CONFIG.bench.judge),
        parts=get_scorer_parts(CONFIG.bench.judge),
    output:
        expand("results/{{run}}/bench/{{model}}/{task}.parquet", task=BENCH_GROUPS),
    log:
        "logs/{run}/bench_score/{model}.log",
    benchmark:
        "benchmarks/{run}/bench_score/{model}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    resources:
        endpoint=int(CONFIG.bench.judge == "api"),
    params:
        out_dir=subpath(output[0], parent=True),
        options=bench_judge_options,
        fingerprint=verbatim(judge_fingerprint(CONFIG.scoring, CONFIG.bench.judge)),
    message:
        "Score the benchmark: {wildcards.model}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_score.py {input.edits} {params.options}' " --out-dir {params.out_dir} > {log} 2>&1"


rule bench_table:
    input:
        expand_run("results/{run}/bench/{model}/{task}.parquet", BENCH_GROUPS),
    output:
        table="results/{run}/bench/table3.parquet",
        markdown="results/{run}/bench/table3.md",
    log:
        "logs/{run}/bench_table.log",
    benchmark:
        "benchmarks/{run}/bench_table.tsv"
    conda:
        "../../envs/evaluate.yaml"
    params:
        seed=CONFIG.seed,
        filtered_by=CONFIG.scoring.judge,
    message:
        "Write the benchmark's table; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" bench_table.py {input} --seed {params.seed} --filtered-by {params.filtered_by} --out {output.table}'
        " --markdown {output.markdown} > {log} 2>&1"


rule model_card:
    input:
        editor="results/{run}/train/{editor}/manifest.json",
        metrics="results/{run}/train/{editor}.metrics.jsonl",
        plan="results/{run}/buckets/plan.parquet",
        index=get_indexes,
        table="results/{run}/bench/table3.parquet",
    output:
        "results/{run}/train/{editor}/README.md",
    log:
        "logs/{run}/model_card/{editor}.log",
    benchmark:
        "benchmarks/{run}/model_card/{editor}.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        config=as_json(CONFIG),
        base=given_base_option,
    message:
        "Write the model card of {wildcards.editor}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" write_card.py {wildcards.editor} --config {params.config:q} {params.base} --plan {input.plan}'
        " --index {input.index} --table {input.table} --metrics {input.metrics} --out {output} > {log} 2>&1"
