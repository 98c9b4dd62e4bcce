"""The workflow is workflow/Snakefile; this file lets `snakemake` find it, and profiles/default, in a checkout."""


include: "workflow/Snakefile"


# An included file's default target is forgotten at its end.
workflow.default_target = workflow.modifier.modify_rulename("all")
