"""Experts of a shard of subjects: each paints the images of its subject, which become pairs or recorded rejections."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.config.schema import SUBJECTS, Config
from omniedit.config.subjects import SubjectsConfig
from omniedit.errors import UserError, one_line
from omniedit.evaluation.metrics.embeddings import Vectors
from omniedit.imaging.images import Image
from omniedit.instructions.language_model import open_model
from omniedit.models.registry import get_model
from omniedit.pairs import EncodedPair, Rejection, ShardWriter
from omniedit.specialists.journal import Journal
from omniedit.specialists.synthesize import versions
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress
from omniedit.subjects.expert_images import Expert, ExpertImage, reject_painted, to_pair, with_similarity
from omniedit.subjects.features import Embed, crop_to_subject, open_features, open_text_similarity, similarities
from omniedit.subjects.prompts import NewImage, fill_templates, imagine
from omniedit.subjects.rendered_expert import RenderedExpert
from omniedit.subjects.subject import Subject, read_subjects
from omniedit.tasks import Task
from omniedit.vlm import ChatModel

Outcome = EncodedPair | Rejection


@dataclass(frozen=True)
class Filter:
    """Filter of painted images by their similarity to the demonstrations and to their prompt.

    Args:
        embed: embeds images.
        compare_text: similarity of an image and a text; None to skip this comparison.
        min_subject, min_text: smallest similarities of an accepted image.
    """

    embed: Embed
    compare_text: Callable[[Image, str], float] | None
    min_subject: float
    min_text: float

    def embed_demonstrations(self, subject: Subject) -> Vectors:
        """Return the embeddings of a subject's N demonstrations, each cropped to the subject, (N, D).

        Raises:
            UserError: a demonstration cannot be decoded.
        """
        boxes = [each.box for each in subject.demonstrations]
        return self.embed([crop_to_subject(*view) for view in zip(subject.images(), boxes, strict=True)])

    def measure(self, painted: ExpertImage, shown_ND: Vectors) -> dict[str, float]:
        """Return the mean similarity to the demonstrations, and the similarity to the caption."""
        own_1D = self.embed([crop_to_subject(painted.image, painted.box)])
        measured = {"similarity": round(float(similarities(np.concatenate([own_1D, shown_ND]))[0, 1:].mean()), 4)}
        if self.compare_text is not None:
            measured["text_similarity"] = round(self.compare_text(painted.image, painted.caption), 4)
        return measured

    def reasons(self, measured: Mapping[str, float]) -> list[str]:
        """Return the reasons why an image is rejected; an empty list if it is accepted."""
        reasons = []
        if measured["similarity"] < self.min_subject:
            reasons.append(f"its similarity to the subject is {measured['similarity']:.2f}, below {self.min_subject:g}")
        if measured.get("text_similarity", self.min_text) < self.min_text:
            reasons.append(
                f"its similarity to the prompt is {measured['text_similarity']:.2f}, below {self.min_text:g}"
            )
        return reasons


def run_experts(subjects: Path, config: Config, device: str, spent: Path | None, out: Path) -> tuple[int, int]:
    """Write the pairs of a shard of subjects; return the number of pairs and of rejections.

    A killed job resumes with its first unfinished subject. A subject whose expert fails is recorded with the reason.

    Raises:
        UserError: the subjects or a model cannot be read.
    """
    options = config.subjects
    rows = list(read_subjects(subjects))
    journal = Journal(out, Task(SUBJECTS), options.expert.kind, config.seed, describe_work(rows, config))
    with open_language_model(config, spent) as model:
        expert = open_expert(config, rows, device, model)
        text = open_text_similarity(options.text_features, device)
        check = Filter(open_features(options.features, device), text, options.min_subject, options.min_text)
        counts = [0, 0]
        about = (Task(SUBJECTS), expert.name, config.seed, versions(learned=options.expert.kind == "lora"))
        with replace_file(out) as temporary, ShardWriter(temporary, *about) as writer:
            for outcome in paint_subjects(rows, expert, check, config.seed, journal):
                counts[isinstance(outcome, Rejection)] += 1
                writer.add(outcome)
    journal.close()
    return counts[0], counts[1]


def describe_work(subjects: Sequence[Subject], config: Config) -> dict[str, Any]:
    """Return all values that determine a job's pairs, so that a job can reuse the work of a killed job with equal
    values.
    """
    identity = [[subject.subject_id, subject.sha256] for subject in subjects]
    return {"subjects": identity, "options": json.loads(config.subjects.model_dump_json()), "seed": config.seed}


def open_language_model(config: Config, spent: Path | None) -> AbstractContextManager[ChatModel | None]:
    """Open the model of `proposals` if it imagines the prompts."""
    if config.subjects.prompts == "templates" or config.subjects.expert.kind == "rendered":
        return nullcontext()
    return open_model(config.proposals, spent)


def open_expert(config: Config, subjects: Sequence[Subject], device: str, model: ChatModel | None) -> Expert:
    """Return the expert that the config names.

    Raises:
        UserError: its base cannot be loaded.
    """
    options = config.subjects
    if options.expert.kind == "rendered":
        return RenderedExpert(options, subjects, config.seed)
    import torch

    from omniedit.models.loading import load_base
    from omniedit.subjects.lora_expert import LoraExpert

    base_folder, place = base_path(options), torch.device(device)
    base = load_base(base_folder, torch.float32 if place.type == "cpu" else torch.bfloat16)
    base.move_encoders(place)
    version = {str(options.expert.base): ""}
    if base_folder.suffix == ".json":
        entry = get_model(base_folder.stem)
        version = {entry.repository: entry.revision or ""}

    def prompts(subject: Subject) -> list[NewImage | Rejection]:
        return imagine_prompts(subject, config, model)

    return LoraExpert(options, base, version, prompts, config.seed)


def base_path(options: SubjectsConfig) -> Path:
    """Return the folder of the base, or the record of the role that was fetched."""
    base = options.expert.base
    assert base is not None
    return Path(f"models/{options.base_role}.json") if options.base_role else Path(base)


def imagine_prompts(subject: Subject, config: Config, model: ChatModel | None) -> list[NewImage | Rejection]:
    """Return a subject's prompts, from templates or from the model; unusable replies of the model become rejections."""
    options = config.subjects
    if model is None:
        return list(fill_templates(subject, options.tasks, options.prompts_per_skill, config.seed))
    count, tries = options.prompts_per_skill, config.proposals.tries
    prompts, reasons = imagine(model, subject, options.tasks, count, tries)
    return [*prompts, *(Rejection(subject.subject_id, f"a prompt: {reason}") for reason in reasons)]


def paint_subjects(
    subjects: Sequence[Subject], expert: Expert, check: Filter, seed: int, journal: Journal | None = None
) -> Iterator[Outcome]:
    """Yield the pairs and rejections of all subjects, in order; the results that a killed job finished come from the
    journal.
    """
    with Progress("subjects", total=len(subjects)) as progress:
        for number, subject in enumerate(subjects):
            outcomes = journal.load_encoded_batch(number) if journal else None
            if outcomes is None:
                outcomes = paint_subject(subject, expert, check, seed)
                if journal:
                    journal.keep(number, outcomes)
            yield from outcomes
            progress.advance()


def paint_subject(subject: Subject, expert: Expert, check: Filter, seed: int) -> list[Outcome]:
    """Return the pairs of one subject, and a rejection for each image that fails the filter.

    If the expert fails, its earlier images are kept and the reason is recorded.
    """
    pairs: list[Outcome] = []
    rejected: list[Outcome] = []
    attempts: dict[Task, int] = {}
    try:
        shown_ND = check.embed_demonstrations(subject)
        for painted in expert.paint(subject):
            if isinstance(painted, Rejection):
                rejected.append(painted)
                continue
            attempt = attempts.get(painted.task, 0)
            attempts[painted.task] = attempt + 1
            measured = check.measure(painted, shown_ND)
            if reasons := check.reasons(measured):
                rejected.append(reject_painted(subject, painted.task, reasons))
            else:
                pairs.append(with_similarity(to_pair(subject, painted, expert.name, seed, attempt), measured))
    except (UserError, RuntimeError, ValueError) as error:
        rejected.append(Rejection(subject.subject_id, f"the expert failed: {one_line(error, 300)}"))
    return [*pairs, *rejected]
