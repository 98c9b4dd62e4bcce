"""Inputs and options of the rules that store pairs, train and benchmark."""

import json
import shlex

from omniedit.config.schema import SHIPPED
from omniedit.models.registry import get_model


def get_bench_objects(wildcards):
    """Return the objects of the benchmark's photos and of the donor shard."""
    if get_specialist(wildcards) == "learned":
        return []
    return [f"results/{wildcards.run}/objects/bench.parquet", *expand_run("results/{run}/objects/{shard}.parquet")[:1]]


def get_base(wildcards):
    """Return the run's own base or the file that gives the folder of a fetched one; nothing for the shipped one."""
    if CONFIG.train.base.model is None:
        return f"results/{wildcards.run}/train/base/manifest.json"
    return f"models/{CONFIG.train.fetched_base}.json" if CONFIG.train.fetched_base else []


def get_base_folder(wildcards, input):
    """Return the base as scripts/train.py expects it."""
    if CONFIG.train.base.model is None:
        return Path(input.base).parent
    return input.base if CONFIG.train.fetched_base else SHIPPED


def get_encoded(wildcards):
    return expand_run("results/{run}/train/encoded/{part}/manifest.json") if CONFIG.train.encode_once else []


def encoded_option(wildcards):
    return f"--encoded results/{wildcards.run}/train/encoded" if CONFIG.train.encode_once else ""


def get_language_model(wildcards):
    """Return the record of the fetched language model that reads instructions, or the config of a folder, if any."""
    encoder = CONFIG.train.instruction_encoder
    if encoder.folder:
        return f"{encoder.folder}/config.json"
    return f"models/{encoder.role}.json" if encoder.role else []


def get_questions(wildcards):
    """Return the folder of questions for the language model, if any: a missing one ends the run before it starts."""
    return CONFIG.train.instruction_encoder.questions or []


def get_encoder(wildcards):
    reads = CONFIG.train.instruction_encoder.model is not None
    return f"results/{wildcards.run}/train/encoder/manifest.json" if reads else []


def encoder_option(wildcards, input):
    return f"--encoder {Path(input.encoder).parent}" if input.encoder else ""


def given_base_option(wildcards):
    """Return the option that describes a base for the model card, if the run did not train it."""
    if CONFIG.train.base.model is None:
        return ""
    label = "the small SD3 that ships with OmniEdit"
    if CONFIG.train.fetched_base:
        model = get_model(CONFIG.train.fetched_base)
        label = f"{model.repository} at revision {model.revision} ({model.licence})"
    return f"--base {shlex.quote(label)}"


def import_shares_option(wildcards):
    """Return the option with the shares of imported data sets among the training pairs, if any has one."""
    shares = {name: data_set.share for name, data_set in CONFIG.data_sets.items() if data_set.share}
    return ["--shares", json.dumps(shares)] if shares else []


def bench_judge_options(wildcards, input):
    return format_judge_options(CONFIG.bench.judge, wildcards.run, input.scorer)


def scratch_option(wildcards, resources):
    return ["--scratch", resources.scratch] if resources.scratch else []


def get_editor(wildcards):
    """Return the trained editor if the benchmark's model is one; baselines need none."""
    return f"results/{wildcards.run}/train/{wildcards.model}/manifest.json" if wildcards.model in EDITORS else []


def pipeline_option(wildcards, input):
    return f"--pipeline {Path(input.editor).parent}" if input.editor else ""
