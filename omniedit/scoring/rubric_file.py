"""Rubrics in YAML files: one rubric per file, checked key by key (docs/rubrics.md, "Write your own rubric")."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omniedit.config.loading import check_section
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.scoring.combination import Combination
from omniedit.scoring.reply_form import ReplyForm, Scale
from omniedit.scoring.rubric import GEOMETRIC_O, Question, Rubric, Shot
from omniedit.scoring.rubric_schema import ExampleSection, QuestionSection, RubricSection, TaskSection
from omniedit.storage.atomic import is_file

OVERALL_COLUMNS = ("sc_score", "pq_score", "o_score", "o_spread", "passes")
RESULT_COLUMNS = ("status", "reasoning", "rubric", "prompt_hash", "judge", "judge_version")
INSTRUCTION = "instruction"
RESERVED = (*OVERALL_COLUMNS, *RESULT_COLUMNS, "task", "sc", "pq")
"""Names of columns and of combined scores, which no score of a rubric may have."""


def read_rubric(path: Path) -> Rubric:
    """Read a rubric from a YAML file; its name is that of the file.

    Raises:
        UserError: the file cannot be read, or is not a rubric; the message names file, key and remedy.
    """
    if not is_file(path):
        raise UserError(f"{path}: no such file; give the name of a rubric that ships, or the path of your .yaml file")
    return to_rubric(read_yaml(path), path.stem, path)


def to_rubric(values: Mapping[str, Any], name: str, file: Path) -> Rubric:
    """Return the rubric of a file's keys.

    Args:
        file: the rubric file; paths in it are relative to its folder.

    Raises:
        UserError: a key is wrong; the message names file, key and remedy.
    """
    try:
        section = check_section(RubricSection, dict(values))
        own = _to_variant(section, section, name, file) if section.questions else Rubric(name, (), (), ())
        tasks = {task: _to_task(section, part, name, file, task) for task, part in section.tasks.items()}
    except UserError as error:
        raise UserError(f"{file}: {str(error).removeprefix('config: ')}") from None
    return replace(
        own, passes=section.passes, tasks=tasks, temperature=section.temperature if section.passes > 1 else 0
    )


def _to_task(rubric: RubricSection, task: TaskSection, name: str, file: Path, key: str) -> Rubric:
    try:
        return _to_variant(rubric, task, name, file)
    except UserError as error:
        raise UserError(f"tasks.{key}.{error}") from None


def _to_variant(rubric: RubricSection, part: RubricSection | TaskSection, name: str, file: Path) -> Rubric:
    """Build a rubric from the questions of a file or of one of its tasks."""
    default = rubric.scale(Scale())
    questions = []
    for number, question in enumerate(part.questions):
        try:
            questions.append(_to_question(question, default, file))
        except UserError as error:
            raise UserError(f"questions.{number}.{error}") from None
    scores = [score for question in questions for score in question.scores]
    _check_names(scores, [text for question in questions for text in question.reply_form.texts])
    sc, pq, o = (_combination(rubric, part, key, scores) for key in ("sc", "pq", "overall"))
    caps = {
        score: override.at_most
        for question in part.questions
        for score, override in question.scores.items()
        if override and override.at_most
    }
    built = Rubric(name, tuple(questions), sc.names, pq.names, _rule(sc), _rule(pq), o, caps)
    _check_caps(built)
    return built


def _combination(
    rubric: RubricSection, part: RubricSection | TaskSection, key: str, scores: Sequence[str]
) -> Combination:
    combination: Combination | None = getattr(part, key) or getattr(rubric, key)
    if combination is None:
        if key == "overall":
            return GEOMETRIC_O
        raise UserError(f"{key}: is required; name the scores that make {key.upper()}, as in {key}: [{scores[0]}]")
    known = [*scores, "sc", "pq"] if key == "overall" else scores
    if unknown := [name for name in combination.names if name not in known]:
        raise UserError(f"{key}: no score '{unknown[0]}'; available: {', '.join(known)}")
    return combination


def _rule(combination: Combination) -> Combination | None:
    return None if combination.rule == "min" else combination


def _check_names(scores: Sequence[str], texts: Sequence[str]) -> None:
    """Check that scores and further texts, which become columns, have different names."""
    if repeated := [name for name in scores if scores.count(name) > 1]:
        raise UserError(f"questions: two of them have a score '{repeated[0]}'; give each score its own name")
    if reserved := [name for name in scores if name in RESERVED or not name.strip()]:
        raise UserError(f"questions: a score cannot be named '{reserved[0]}'; choose another name")
    if reserved := [name for name in texts if name in (*RESERVED, *scores) or not name.strip()]:
        raise UserError(f"questions: a text of the reply cannot be named '{reserved[0]}'; choose another name")


def _check_caps(rubric: Rubric) -> None:
    scales = rubric.scales
    for score, cap in rubric.caps.items():
        if cap not in scales or cap == score:
            raise UserError(f"at_most of score '{score}': no other score '{cap}'; available: {', '.join(scales)}")


def _to_question(section: QuestionSection, default: Scale, file: Path) -> Question:
    scores = tuple(section.scores)
    scales = tuple(score.scale(default) if score else default for score in section.scores.values())
    keys = tuple((score and score.key) or name for name, score in section.scores.items())
    form = ReplyForm(scales, keys, section.key, section.reply == "lines", section.reasoning, tuple(section.texts))
    text = section.text if section.text is not None else _read_text(file.parent / str(section.file))
    if f"<{INSTRUCTION}>" in text and INSTRUCTION not in section.words:
        raise UserError(f"words: the question has the placeholder <{INSTRUCTION}>; add {INSTRUCTION} to words")
    question = Question(
        text,
        tuple(section.images),
        tuple(section.words),
        scores,
        labels={name: label for name, label in section.images.items() if label is not None},
        shots=tuple(_to_shot(example, section, file) for example in section.examples),
        max_tokens=section.max_tokens,
    )
    return question if question.reply_form == form else replace(question, form=form)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "not text in UTF-8"
        raise UserError(f"file: {path}: cannot be read: {problem}; paths are relative to the rubric's folder") from None


def _to_shot(example: ExampleSection, question: QuestionSection, file: Path) -> Shot:
    if set(example.images) != set(question.images):
        raise UserError(f"examples: an example shows the images of its question: {', '.join(question.images)}")
    if unknown := set(example.words) - set(question.words):
        raise UserError(f"examples: the question has no text '{min(unknown)}'; remove it, or add it to words")
    images = {name: str(file.parent / example.images[name]) for name in question.images}
    return Shot(images, dict(example.words), example.reply, _digest(list(images.values())))


def _digest(paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
        except OSError as error:
            raise UserError(f"examples: {path}: cannot be read: {error.strerror}; give an image's path") from None
    return digest.hexdigest()
