"""OmniEdit: source photos in, a trained and benchmarked editor and a report out. See README.md and config/README.md."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/inpaint.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/bucket.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        all_results,
        report_pages,
