"""Pages and figures for `snakemake --report`.

REQUIRED INPUTS: the outputs of all stages.
OUTPUTS: results/{run}/report/*
"""
