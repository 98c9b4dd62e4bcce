"""Edit pairs, made by each task's specialist on each shard of photos.

REQUIRED INPUTS: results/{run}/sources/{shard}.tar
OUTPUTS:
    results/{run}/objects/{shard}.parquet            names and masks of the photos' objects, found once for all tasks
    results/{run}/proposals/{shard}.parquet          edits for learned specialists (omniedit/instructions/edit_proposals/table.py)
    results/{run}/candidates/{task}/{shard}.h5       edit pairs (omniedit/pairs/); swaps and additions reuse the
                                                     fills of the removals, which are made first
"""


rule ground_shard:
    input:
        "results/{run}/sources/{photos}.tar",
    output:
        "results/{run}/objects/{photos}.parquet",
    log:
        "logs/{run}/ground/{photos}.log",
    benchmark:
        "benchmarks/{run}/ground/{photos}.tsv"
    wildcard_constraints:
        photos=r"\d{5}|bench",
    conda:
        "../../envs/synthesize.yaml"
    message:
        "Find the objects in the photos of {wildcards.photos}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" ground.py {input} --out {output} > {log} 2>&1'


rule propose_shard:
    input:
        photos="results/{run}/sources/{photos}.tar",
        model=get_proposer,
    output:
        "results/{run}/proposals/{photos}.parquet",
    log:
        "logs/{run}/propose/{photos}.log",
    benchmark:
        "benchmarks/{run}/propose/{photos}.tsv"
    wildcard_constraints:
        photos=r"\d{5}|bench",
    conda:
        "../../envs/synthesize.yaml"
    params:
        counts=get_proposal_counts,
        # If this fingerprint has changed, proposals are read or requested again.
        fingerprint=get_proposals_fingerprint,
    message:
        "Read the proposals for {wildcards.photos}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" propose.py {input.photos} --config results/{wildcards.run}/config.json --counts {params.counts:q}'
        " --spent results/{wildcards.run}/spent/proposals --out {output} > {log} 2>&1"


if CONFIG.proposals.source == "api":

    ruleorder: ask_for_proposals > propose_shard

    # Needs the network and no GPU. The resource limits concurrent jobs, because an endpoint's limits apply to each job.
    use rule propose_shard as ask_for_proposals with:
        resources:
            endpoint=1,
        message:
            "Request proposals from the endpoint: {wildcards.photos}; {log}"


if CONFIG.proposals.source == "local":

    ruleorder: generate_proposals > propose_shard

    # Needs a GPU, which the profile assigns to this rule name.
    use rule propose_shard as generate_proposals with:
        message:
            "Generate proposals with the local model: {wildcards.photos}; {log}"


rule synthesize_shard:
    input:
        photos="results/{run}/sources/{shard}.tar",
        objects=get_objects,
        removals=get_removals("results/{run}/candidates/{task}/{shard}.h5"),
        proposals=get_proposals,
        models=get_task_models,
        inpainting=get_inpainting,
    output:
        "results/{run}/candidates/{task}/{shard}.h5",
    log:
        "logs/{run}/synthesize/{task}/{shard}.log",
    benchmark:
        "benchmarks/{run}/synthesize/{task}/{shard}.tsv"
    wildcard_constraints:
        task=SPECIALIST_TASKS,
    # Training needs candidates, scores and buckets: they run before the benchmark's pairs and the report.
    priority: 5
    conda:
        "../../envs/synthesize.yaml"
    params:
        specialist=get_specialist,
        pairs=get_pairs_per_shard,
        seed=CONFIG.seed,
        options=specialist_options,
        removals=removals_option,
    message:
        "Make pairs: {wildcards.task} {wildcards.shard}; {log}"
    shell:
        'sh "$OMNIEDIT_RUN" synthesize.py {input.photos} --task {wildcards.task} --specialist {params.specialist}'
        " {params.options:q} {params.removals} --pairs {params.pairs} --seed {params.seed} --out {output} > {log} 2>&1"
