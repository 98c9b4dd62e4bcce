"""Pretrained models, fetched once on the machine that starts Snakemake, because jobs run without the internet.

REQUIRED INPUTS: config/models.yaml, the internet
OUTPUTS:
    models/{role}.json      record of a fetched model and its folder in the Hugging Face cache, HF_HOME
"""


localrules:
    fetch_models,
    fetch_model,


rule fetch_models:
    input:
        collect("models/{role}.json", role=RUN.roles),


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
        # A changed entry is fetched again.
        model=get_role_entry,
    message:
        "Fetch the {wildcards.role}; {log}"
    shell:
        'HF_HUB_OFFLINE=0 sh "$OMNIEDIT_RUN" fetch_models.py {wildcards.role} --out {output} > {log} 2>&1'
