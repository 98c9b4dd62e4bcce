"""Entry point in a checkout: lets `snakemake` find workflow/Snakefile and profiles/default."""


include: "workflow/Snakefile"


# Snakemake drops the default target of an included file.
workflow.default_target = workflow.modifier.modify_rulename("all")
