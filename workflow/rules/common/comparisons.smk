"""Inputs and options of the rules that compare editors on sets."""

from omniedit.evaluation.bench.judges import choose_judges


def set_of_comparison(wildcards):
    """Return the set, the user's copy of it and the file of editors, as arguments of scripts/bench_set.py."""
    comparison, editors = CONFIG.bench.sets[wildcards.comparison], CONFIG.bench.editors_file
    data = ["--data", comparison.path] if comparison.path else []
    return [comparison.set, *data, *(["--editors-file", editors] if editors else []), "--seed", CONFIG.seed]


def editor_of_entry(wildcards):
    """Return the trained editor if the entry is one of the run."""
    return f"results/{wildcards.run}/train/{wildcards.entry}/manifest.json" if wildcards.entry in EDITORS else []


def argument_of_entry(wildcards):
    """Return an editor as an argument of --editors: one of the run by its folder."""
    return to_editor(wildcards.run, wildcards.entry)


def arguments_of_entries(wildcards):
    return ",".join(to_editor(wildcards.run, entry) for entry in ENTRIES)


def to_editor(run, entry):
    if entry in EDITORS:
        return f"{entry}=results/{run}/train/{entry}"
    return CONFIG.bench.editors[CONFIG.bench.editor_names.index(entry)]


def shard_of_portion(wildcards):
    return wildcards.portion.replace("-of-", "/")


def choice_of_judge(wildcards):
    """Return a judge of the comparisons with its own settings."""
    return choose_judges([wildcards.bench_judge], CONFIG.bench, CONFIG.scoring)[0]


def models_of_judge(wildcards):
    """Return the fetched models that a judge of the comparisons needs."""
    choice = choice_of_judge(wildcards)
    given = CONFIG.bench.judges.get(wildcards.bench_judge)
    has_own_model = given and given.scorer and not choice.members
    roles = choice.scoring.roles(choice.kind)[1 if has_own_model else 0 :]
    return [f"models/{role}.json" for role in roles]


def fingerprint_of_judge(wildcards):
    """Return all that decides a judge's scores besides its model's weights."""
    choice = choice_of_judge(wildcards)
    how = f" {choice.scoring.ensemble.model_dump_json(exclude={'judges'})}" if choice.members else ""
    asked = [
        f"{judge_fingerprint(each.scoring, each.kind)} {each.rubric} {each.scorer}"
        for each in choice.members.values() or [choice]
    ]
    return "; ".join(asked) + how


def requests_of_judge(wildcards):
    """Return the slots of the resource `endpoint` that a judge takes."""
    return int("api" in choice_of_judge(wildcards).kinds)


def scores_of_comparison(wildcards):
    pattern = f"results/{wildcards.run}/bench/sets/{wildcards.comparison}/{{entry}}/scores/{{bench_judge}}.parquet"
    return expand(pattern, entry=ENTRIES, bench_judge=CONFIG.bench.judge_names)
