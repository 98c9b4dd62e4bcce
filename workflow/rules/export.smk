"""Pairs in the formats of other trainers, for each of `export.formats`; `omniedit export` writes the same by hand.

REQUIRED INPUTS: results/{run}/candidates/, results/{run}/scores/, results/{run}/decisions/gathered/{block}.parquet
OUTPUTS:
    results/{run}/export/{format}/    data files, and README.md, the data card
"""


rule export_pairs:
    input:
        expand_run("results/{run}/decisions/gathered/{block}.parquet"),
    output:
        "results/{run}/export/{format}/README.md",
    log:
        "logs/{run}/export/{format}.log",
    benchmark:
        "benchmarks/{run}/export/{format}.tsv"
    wildcard_constraints:
        format="|".join(map(re.escape, CONFIG.export.formats)) or "(?!)",
    conda:
        "../../envs/sources.yaml"
    params:
        run="results/{run}",
        out_dir=subpath(output[0], parent=True),
        options=export_options,
    message:
        "Export the pairs as {wildcards.format}; {log}"
    shell:
        # An export fills a folder that is empty.
        "rm -rf {params.out_dir:q} &&"
        ' sh "$OMNIEDIT_RUN" export_pairs.py {params.run} --format {wildcards.format} {params.options:q} --out {params.out_dir:q}'
        " > {log} 2>&1"
