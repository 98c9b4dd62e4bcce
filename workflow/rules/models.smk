"""Pretrained models, fetched once on the machine that starts Snakemake: jobs run without the internet.

REQUIRED INPUTS: config/models.yaml, the internet
OUTPUTS:
    models/{role}.json      what was fetched and where it lies: the Hugging Face cache, HF_HOME
"""


localrules:
    fetch_models,
    fetch_model,


rule fetch_models:
    input:
        collect("models/{role}.json", role=ROLES),


rule fetch_model:
    output:
        "models/{role}.json",
    log:
        "logs/models/{role}.log",
    wildcard_constraints:
        role=r"\w+",
    conda:
        "../../envs/synthesize.yaml"
    params:
        # Fetched again where the entry has changed.
        model=model_of_role,
    message:
        "Fetch the {wildcards.role}; {log}"
    shell:
        'HF_HUB_OFFLINE=0 sh "$OMNIEDIT_RUN" fetch_models.py {wildcards.role} --out {output} > {log} 2>&1'
