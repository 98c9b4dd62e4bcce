"""Subjects with demonstrations and the pairs that their experts paint (section `subjects`, docs/subjects.md).

REQUIRED INPUTS: the rows of subjects.path, or cut-outs on this machine; models/{role}.json for learned parts
OUTPUTS:
    results/{run}/subjects/{shard}.parquet              subjects with their demonstrations, and rejected clusters
    results/{run}/candidates/subjects/{shard}.h5        pairs; each has its skill as its task
"""

if SUBJECTS in CONFIG.pair_groups:

    rule cluster_subjects:
        input:
            get_cluster_models,
        output:
            "results/{run}/subjects/{shard}.parquet",
        log:
            "logs/{run}/cluster_subjects/{shard}.log",
        benchmark:
            "benchmarks/{run}/cluster_subjects/{shard}.tsv"
        priority: 5
        conda:
            "../../envs/synthesize.yaml"
        resources:
            endpoint=int(CONFIG.subjects.captions == "model" and CONFIG.proposals.source == "api"),
        params:
            # If these options have changed, subjects are found again.
            fingerprint=get_cluster_options,
            shards=len(SHARDS),
        message:
            "Find subjects: {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" cluster_subjects.py --config results/{wildcards.run}/config.json --shard {wildcards.shard}'
            " --shards {params.shards} --spent results/{wildcards.run}/spent/proposals --out {output} > {log} 2>&1"

    # Needs a GPU for learned experts: minutes per subject. A killed job resumes with its first unfinished subject.
    rule train_experts:
        input:
            subjects="results/{run}/subjects/{shard}.parquet",
            models=get_expert_models,
        output:
            "results/{run}/candidates/{task}/{shard}.h5",
        log:
            "logs/{run}/train_experts/{task}/{shard}.log",
        benchmark:
            "benchmarks/{run}/train_experts/{task}/{shard}.tsv"
        wildcard_constraints:
            task=SUBJECTS,
        priority: 5
        conda:
            "../../envs/synthesize.yaml"
        resources:
            endpoint=int(CONFIG.subjects.prompts == "model" and CONFIG.proposals.source == "api"),
        params:
            # If these options have changed, experts paint again.
            fingerprint=get_expert_options,
        message:
            "Paint subjects: {wildcards.shard}; {log}"
        shell:
            'sh "$OMNIEDIT_RUN" train_experts.py {input.subjects} --config results/{wildcards.run}/config.json'
            " --spent results/{wildcards.run}/spent/proposals --out {output} > {log} 2>&1"
