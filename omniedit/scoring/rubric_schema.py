"""Keys of a rubric's YAML file, with their types (docs/rubrics.md, "Write your own rubric")."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from omniedit.config.section import Section
from omniedit.scoring.combination import RULES, WEIGHTED, Combination
from omniedit.scoring.reply_form import Scale, to_scale
from omniedit.scoring.rubric import PASS_TEMPERATURE, REPLY_TOKENS


def _to_combination(value: Any) -> Combination | None:
    """Convert `[a, b]`, `{mean: [a, b]}` or `{weighted: {a: 0.3, b: 0.7}}` to a combination."""
    if value is None or isinstance(value, Combination):
        return value
    rule, names = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("min", value)
    if rule == WEIGHTED:
        return _to_weighted(names)
    if rule not in RULES:
        raise ValueError(f"no rule '{rule}'; available: {', '.join((*RULES, WEIGHTED))}")
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise ValueError("give a list of scores, as in [a, b], or a rule with a list, as in {mean: [a, b]}")
    return Combination(tuple(names), rule)


def _to_weighted(weights: Any) -> Combination:
    numbers = list(weights.values()) if isinstance(weights, dict) else []
    if not numbers or not all(isinstance(number, int | float) and 0 < number < 1e6 for number in numbers):
        raise ValueError("give each score a positive weight, as in {weighted: {a: 0.3, b: 0.7}}")
    return Combination(tuple(weights), WEIGHTED, tuple(numbers))


def _by_name(value: Any) -> Any:
    """Convert a list of names to a mapping from names to None."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("give a list of names, as in [a, b], or a mapping with a key for each name")
    if repeated := [name for name in value if value.count(name) > 1]:
        raise ValueError(f"repeats the name {repeated[0]}; give each name once")
    return dict.fromkeys(value)


def _check_numbers(value: Any) -> Any:
    """Check that a scale is a list of numbers.

    Raises:
        ValueError: it is not a list of numbers.
    """
    if value is None:
        return value
    if not isinstance(value, list) or not all(type(number) in (int, float) for number in value):
        raise ValueError("give numbers in brackets, as in [1, 5]")
    return value


Numbers = Annotated[list[float] | None, BeforeValidator(_check_numbers)]
CombinationKey = Annotated[Combination | None, BeforeValidator(_to_combination)]


class ScaleSection(Section):
    """Range of scores, or the only values that they may have."""

    range: Numbers = None
    values: Numbers = None

    @model_validator(mode="after")
    def _check_scale_is_single(self) -> Self:
        self.scale(Scale())
        return self

    def scale(self, default: Scale) -> Scale:
        has_own_scale = self.range is not None or self.values is not None
        return to_scale(self.range, self.values) if has_own_scale else default


class ScoreSection(ScaleSection):
    """One score of a question."""

    key: str | None = None
    at_most: str | None = None


class ExampleSection(Section):
    """Example that is shown with its reply before the question."""

    images: dict[str, str]
    words: dict[str, str] = Field({})
    reply: str = ""


class QuestionSection(Section):
    """One question: its text, images and further texts, and the fields of its reply."""

    text: str | None = None
    file: str | None = None
    images: Annotated[dict[str, str | None], BeforeValidator(_by_name)] = Field(min_length=1)
    words: list[str] = Field([])
    scores: Annotated[dict[str, ScoreSection | None], BeforeValidator(_by_name)] = Field(min_length=1)
    reply: Literal["json", "lines"] = "json"
    key: str = "score"
    reasoning: str = "reasoning"
    texts: list[str] = Field([])
    examples: list[ExampleSection] = Field([])
    max_tokens: int = Field(REPLY_TOKENS, ge=1)

    @model_validator(mode="after")
    def _check_text_is_single(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise ValueError("give either text, the question itself, or file, the file with its text")
        return self


class TaskSection(Section):
    """Questions about the edits of one task, and the rules that combine their scores; null takes the rubric's own
    rule.
    """

    questions: list[QuestionSection] = Field(min_length=1)
    sc: CombinationKey = None
    pq: CombinationKey = None
    overall: CombinationKey = None


class RubricSection(ScaleSection):
    """Whole rubric; `range` and `values` apply to all scores that have none of their own."""

    questions: list[QuestionSection] = Field([])
    sc: CombinationKey = None
    pq: CombinationKey = None
    overall: CombinationKey = None
    passes: int = Field(1, ge=1, le=100)
    temperature: float = Field(PASS_TEMPERATURE, ge=0, le=2)
    tasks: dict[str, TaskSection] = Field({})

    @model_validator(mode="after")
    def _check_questions(self) -> Self:
        if not self.questions and not self.tasks:
            raise ValueError("asks nothing; give questions, or tasks with their own questions")
        return self
