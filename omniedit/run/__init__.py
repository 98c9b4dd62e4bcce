"""Integration with Snakemake and Slurm: preparation of a run, its source folder, its jobs.

No stage imports anything from here.
"""
