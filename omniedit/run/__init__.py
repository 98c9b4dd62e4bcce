"""Integration with Snakemake and Slurm: preparation of a run, its source folder, its jobs.

The code of the stages imports nothing from here.
"""
