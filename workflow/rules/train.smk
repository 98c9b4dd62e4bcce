"""Editor: a small base pre-trained on the source photos, or SD3 from config/models.yaml, then EditNet on the buckets
under DeepSpeed.

REQUIRED INPUTS: results/{run}/sources/{shard}.tar or models/{role}.json, results/{run}/buckets/manifest.json
OUTPUTS:
    results/{run}/train/base/                      the frozen base with codec, text encoder, scheduler and manifest.json;
                                                   none if `train.base.model` names another
    results/{run}/train/encoded/{part}/            latents and embeddings of the pairs, if `train.encode_once` is set
    results/{run}/train/encoder/                   a language model aligned with the base's text encoders, if
                                                   `train.instruction_encoder.model` is set
    results/{run}/train/{editor}/                  the editor, samples.png, manifest.json; load it by EditPipeline
    results/{run}/train/{editor}.metrics.jsonl     losses and rates, a JSON line each
    results/{run}/train/{editor}.checkpoints/      no output: survives a failed job; delete it to start again
"""


rule pretrain_base:
    input:
        photos=expand_run("results/{run}/sources/{shard}.tar"),
        bench="results/{run}/sources/bench.parquet",
    output:
        base="results/{run}/train/base/manifest.json",
        metrics="results/{run}/train/base.metrics.jsonl",
    log:
        "logs/{run}/pretrain_base.log",
    benchmark:
        "benchmarks/{run}/pretrain_base.tsv"
    # The longest job that can start early; training needs its output.
    priority: 10
    conda:
        "../../envs/train.yaml"
    params:
        sources=run_pattern("sources/{shard}.tar"),
        shards=len(SHARDS),
        out_dir=subpath(output.base, parent=True),
        options=as_json(CONFIG.train.extract(PretrainingOptions), exclude={"base": {"quantize"}}),
        seed=CONFIG.seed,
    message:
        "Pre-train the base; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" pretrain_base.py --sources {params.sources:q} --shards {params.shards} --bench {input.bench} --options {params.options:q} --seed {params.seed}'
        " --metrics {output.metrics} --out {params.out_dir} > {log} 2>&1"


rule encode_pairs:
    input:
        base=get_base,
        plan="results/{run}/buckets/plan.parquet",
        manifest="results/{run}/buckets/manifest.json",
    output:
        "results/{run}/train/encoded/{part}/manifest.json",
    log:
        "logs/{run}/encode_pairs/{part}.log",
    benchmark:
        "benchmarks/{run}/encode_pairs/{part}.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        base=get_base_folder,
        buckets=subpath(input.manifest, parent=True),
        out_dir=subpath(output[0], parent=True),
        resolution=CONFIG.train.resolution,
        dtype=CONFIG.train.dtype,
    message:
        "Encode part {wildcards.part} of the buckets; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" encode_pairs.py {params.buckets} --part {wildcards.part} --base {params.base}'
        " --resolution {params.resolution} --dtype {params.dtype} --out {params.out_dir} > {log} 2>&1"


rule align_encoder:
    input:
        base=get_base,
        model=get_language_model,
        manifest="results/{run}/buckets/manifest.json",
    output:
        encoder="results/{run}/train/encoder/manifest.json",
        metrics="results/{run}/train/encoder.metrics.jsonl",
    log:
        "logs/{run}/align_encoder.log",
    benchmark:
        "benchmarks/{run}/align_encoder.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        nodes=1,
        ranks=1,
    params:
        base=get_base_folder,
        buckets=subpath(input.manifest, parent=True),
        out_dir=subpath(output.encoder, parent=True),
        checkpoints="results/{run}/train/encoder.checkpoints",
        options=as_json(CONFIG.train, exclude={"model", "ablations"}),
        seed=CONFIG.seed,
    message:
        "Align the language model with the base's text encoders on {resources.nodes} x {resources.ranks} ranks; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" launch_ranks.sh {resources.nodes} {resources.ranks} {threads} {log}.ranks align_encoder.py'
        " {params.buckets} --base {params.base} --options {params.options:q} --seed {params.seed} --checkpoints {params.checkpoints}"
        " --metrics {output.metrics} --out {params.out_dir} > {log} 2>&1"


rule train_editor:
    input:
        base=get_base,
        encoder=get_encoder,
        model=get_language_model,
        questions=get_questions,
        encoded=get_encoded,
        manifest="results/{run}/buckets/manifest.json",
    output:
        editor="results/{run}/train/{editor}/manifest.json",
        metrics="results/{run}/train/{editor}.metrics.jsonl",
    log:
        "logs/{run}/train_editor/{editor}.log",
    benchmark:
        "benchmarks/{run}/train_editor/{editor}.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        nodes=1,
        # Per node: one for each GPU. On two cores, two small ranks take a third more CPU time than one.
        ranks=1,
        # Folder on the node's own disk for a copy of the buckets.
        scratch="",
    params:
        base=get_base_folder,
        buckets=subpath(input.manifest, parent=True),
        out_dir=subpath(output.editor, parent=True),
        checkpoints="results/{run}/train/{editor}.checkpoints",
        encoded=encoded_option,
        encoder=encoder_option,
        scratch=scratch_option,
        # Without the editors to train: --model gives this one, and the others do not affect it.
        options=as_json(CONFIG.train, exclude={"model", "ablations"}),
        seed=CONFIG.seed,
    message:
        "Train {wildcards.editor} on {resources.nodes} x {resources.ranks} ranks; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" launch_ranks.sh {resources.nodes} {resources.ranks} {threads} {log}.ranks train.py'
        " {params.buckets} --model {wildcards.editor} --base {params.base} --options {params.options:q} --seed {params.seed} --checkpoints {params.checkpoints}"
        " {params.encoded} {params.encoder} {params.scratch:q}"
        " --metrics {output.metrics} --out {params.out_dir} > {log} 2>&1"


check_shares("train_editor", "train.batch_size", CONFIG.train)
