"""Inputs and options of the rules that compare editors on sets."""

from omniedit.evaluation.bench.judges import choose_judges


def get_set_arguments(wildcards):
    """Return the set, the user's copy of it and the file of editors, as arguments of scripts/bench_set.py."""
    comparison, editors = CONFIG.bench.sets[wildcards.comparison], CONFIG.bench.editors_file
    data = ["--data", comparison.path] if comparison.path else []
    return [comparison.set, *data, *(["--editors-file", editors] if editors else []), "--seed", CONFIG.seed]


def get_entry_editor(wildcards):
    """Return the trained editor if the entry is one of the run."""
    return f"results/{wildcards.run}/train/{wildcards.entry}/manifest.json" if wildcards.entry in EDITORS else []


def get_entry_argument(wildcards):
    """Return an editor as an argument of --editors: one of the run by its folder."""
    return format_entry(wildcards.run, wildcards.entry)


def get_entry_arguments(wildcards):
    return ",".join(format_entry(wildcards.run, entry) for entry in ENTRIES)


def format_entry(run, entry):
    if entry in EDITORS:
        return f"{entry}=results/{run}/train/{entry}"
    return CONFIG.bench.editors[CONFIG.bench.editor_names.index(entry)]


def get_portion(wildcards):
    return wildcards.portion.replace("-of-", "/")


def get_bench_judge(wildcards):
    """Return a judge of the comparisons with its own settings."""
    return choose_judges([wildcards.bench_judge], CONFIG.bench, CONFIG.scoring)[0]


def get_bench_judge_models(wildcards):
    """Return the fetched models that a judge of the comparisons needs."""
    choice = get_bench_judge(wildcards)
    given = CONFIG.bench.judges.get(wildcards.bench_judge)
    has_own_model = given and given.scorer and not choice.members
    roles = choice.scoring.roles(choice.kind)[1 if has_own_model else 0 :]
    return [f"models/{role}.json" for role in roles]


def get_bench_judge_fingerprint(wildcards):
    """Return all that decides a judge's scores besides its model's weights."""
    choice = get_bench_judge(wildcards)
    options = f" {choice.scoring.ensemble.model_dump_json(exclude={'judges'})}" if choice.members else ""
    fingerprints = [
        f"{judge_fingerprint(each.scoring, each.kind)} {each.rubric} {each.scorer}"
        for each in choice.members.values() or [choice]
    ]
    return "; ".join(fingerprints) + options


def get_bench_judge_slots(wildcards):
    """Return the slots of the resource `endpoint` that a judge takes."""
    return int("api" in get_bench_judge(wildcards).kinds)


def get_comparison_scores(wildcards):
    pattern = f"results/{wildcards.run}/bench/sets/{wildcards.comparison}/{{entry}}/scores/{{bench_judge}}.parquet"
    return expand(pattern, entry=ENTRIES, bench_judge=CONFIG.bench.judge_names)
