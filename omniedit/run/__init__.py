"""What knows Snakemake and Slurm: the preparation of a run, its source folder, its jobs.

No stage imports anything from here.
"""
