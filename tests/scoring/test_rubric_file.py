"""Rubrics in YAML files: every protocol of the field, and errors that name file, key and remedy."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers import vlm_server as server
from helpers.chain import REPOSITORY, environment
from helpers.vlm_server import serving
from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring.combination import RULES, Combination
from omniedit.scoring.reply_form import Scale
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_registry import judge_fingerprint, load_rubric
from omniedit.storage.parquet import read_csv

QUESTION: dict[str, Any] = {
    "text": "Judge the edit.",
    "images": ["source", "edited"],
    "words": ["instruction"],
    "scores": ["success", "quality"],
}
PLAIN: dict[str, Any] = {"questions": [QUESTION], "sc": ["success"], "pq": ["quality"]}


def write(folder: Path, values: Any, name: str = "mine.yaml") -> str:
    (folder / name).write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return str(folder / name)


def question(**keys: Any) -> dict[str, Any]:
    """Return a rubric's keys with other keys of its question."""
    return PLAIN | {"questions": [{**QUESTION, **keys}]}


def load(folder: Path, values: Any) -> Rubric:
    return load_rubric(write(folder, values))


def test_a_plain_file_is_a_rubric_named_after_it(tmp_path: Path) -> None:
    rubric = load(tmp_path, PLAIN)
    assert (rubric.name, rubric.images, rubric.words) == ("mine", ("source", "edited"), ("instruction",))
    assert all(question.is_plain for question in rubric.questions) and rubric.overall({"success": 9, "quality": 4}) == (
        9,
        4,
        6,
    )


def test_equal_questions_in_a_file_and_in_the_package_have_equal_digests(tmp_path: Path) -> None:
    shipped = load_rubric("viescore_editing")
    values = {
        "questions": [
            {
                "text": each.text,
                "images": list(each.images),
                "words": list(each.words),
                "scores": {name: {"range": [0, 10]} for name in each.scores},
            }
            for each in shipped.questions
        ],
        "sc": {"min": list(shipped.sc)},
        "pq": list(shipped.pq),
        "overall": {"geometric": ["sc", "pq"]},
    }
    assert load(tmp_path, values).digest == shipped.digest


@pytest.mark.parametrize(
    ("scale", "raw", "even"),
    [
        ({"range": [1, 5]}, [1, 3, 5], [0, 5, 10]),
        ({"range": [0, 25]}, [0, 10, 25], [0, 4, 10]),
        ({"values": [0, 0.5, 1]}, [0, 0.5, 1], [0, 5, 10]),
        ({"range": [-2, 2]}, [-2, 0, 1], [0, 5, 7.5]),
    ],
)
def test_scores_of_any_scale_become_0_to_10(
    tmp_path: Path, scale: dict[str, Any], raw: list[float], even: list[float]
) -> None:
    rubric = load(tmp_path, PLAIN | scale)
    assert [rubric.overall({"success": score, "quality": raw[-1]})[:2] for score in raw] == [
        (e, even[-1]) for e in even
    ]
    own = load(tmp_path, question(scores={"success": scale, "quality": None}))
    assert own.scales["quality"] == Scale() and own.normalise({"success": raw[1], "quality": 7})["quality"] == 7


@pytest.mark.parametrize(
    ("overall", "expected"),
    [
        (None, 6),
        ({"mean": ["sc", "pq"]}, 6.5),
        (["sc", "pq"], 4),
        ({"product": ["sc", "pq"]}, 3.6),
        ({"geometric": ["success", "quality"]}, 6),
        ({"weighted": {"success": 3, "quality": 1}}, 7.75),
    ],
)
def test_scores_combine_by_each_rule(tmp_path: Path, overall: Any, expected: float) -> None:
    rubric = load(tmp_path, PLAIN | ({"overall": overall} if overall else {}))
    assert rubric.overall({"success": 9, "quality": 4}) == (9, 4, pytest.approx(expected))


@given(st.sampled_from(list(RULES)), st.lists(st.floats(0, 10), min_size=1, max_size=5))
def test_every_combined_score_stays_on_the_scale_and_between_its_sub_scores(rule: str, scores: list[float]) -> None:
    named = {str(number): score for number, score in enumerate(scores)}
    combined = Combination(tuple(named), rule).combine(named)
    assert 0 <= combined <= 10
    assert rule == "product" or min(scores) - 1e-9 <= combined <= max(scores) + 1e-9


def test_a_score_is_capped_by_another(tmp_path: Path) -> None:
    scores = {"success": None, "quality": {"at_most": "success"}}
    rubric = load(tmp_path, question(scores=scores) | {"range": [1, 5]})
    assert rubric.overall({"success": 3, "quality": 5})[:2] == (5, 5)
    assert rubric.overall({"success": 5, "quality": 3})[:2] == (10, 5)


def test_a_task_may_have_its_own_questions(tmp_path: Path) -> None:
    remove = {"questions": [QUESTION | {"text": "Is it gone?", "scores": ["gone", "quality"]}], "sc": ["gone"]}
    rubric = load(tmp_path, PLAIN | {"tasks": {"object_removal": remove}})
    special, default = rubric.for_task("object_removal"), rubric.for_task("style_transfer")
    assert special is not None and special.overall({"gone": 4, "quality": 9}) == (4, 9, 6)
    assert default is not None and default.scores == ("success", "quality")
    assert rubric.scores == ("success", "quality", "gone")
    only = load(tmp_path, {"pq": ["quality"], "tasks": {"object_removal": remove}})
    assert only.for_task("style_transfer") is None and only.for_task("object_removal") is not None


def test_every_part_of_a_file_changes_the_digest(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    for name, value in (("a", 0), ("b", 255)):
        PIL.Image.fromarray(pixels + np.uint8(value)).save(tmp_path / f"{name}.png")
    shot = {"images": {"source": "a.png", "edited": "a.png"}, "reply": "[1, 2]"}
    other = {"images": {"source": "a.png", "edited": "b.png"}, "reply": "[1, 2]"}
    files = [
        PLAIN,
        PLAIN | {"range": [1, 5]},
        PLAIN | {"values": [0, 10]},
        PLAIN | {"passes": 2},
        PLAIN | {"passes": 3},
        PLAIN | {"passes": 3, "temperature": 1.0},
        PLAIN | {"sc": {"mean": ["success"]}},
        PLAIN | {"overall": {"mean": ["sc", "pq"]}},
        PLAIN | {"overall": {"weighted": {"sc": 1, "pq": 2}}},
        PLAIN | {"tasks": {"add": {"questions": [QUESTION]}}},
        question(text="Judge."),
        question(images={"source": "Before:", "edited": None}),
        question(words=[]),
        question(reply="lines"),
        question(key="Final Score", reply="lines"),
        question(reasoning="why"),
        question(texts=["knowledge"]),
        question(max_tokens=900),
        question(scores={"success": {"key": "Success"}, "quality": None}),
        question(scores={"success": None, "quality": {"at_most": "success"}}),
        question(examples=[shot]),
        question(examples=[other]),
        question(examples=[shot | {"reply": "[2, 2]"}]),
    ]
    digests = [load(tmp_path, values).digest for values in files]
    assert len(set(digests)) == len(files)
    assert load(tmp_path, PLAIN | {"passes": 1, "temperature": 0.5}).digest == digests[0]


def test_text_files_and_example_images_are_found_relative_to_the_rubric(tmp_path: Path) -> None:
    (tmp_path / "question.txt").write_text("Judge it.")
    rubric = load(tmp_path, question(text=None, file="question.txt"))
    assert rubric.questions[0].text == "Judge it."


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("questions: [", r"mine\.yaml: not valid YAML"),
        ("", r"mine\.yaml: has no keys"),
        ({"sc": ["a"]}, r"mine\.yaml: .*asks nothing; give questions"),
        (PLAIN | {"score": 1}, r"mine\.yaml: score: unknown key; allowed here: range, values, questions, sc, pq"),
        (question(image=["a"]), r"questions\.0\.image: unknown key; allowed here: text, file, images, words, scores"),
        (question(scores={"a": {"rang": [0, 1]}}), r"scores\.a\.rang: unknown key; allowed here: range, values, key"),
        ({"tasks": {"add": {"question": []}}}, r"tasks\.add\.\w+: .*(allowed here: questions, sc|is required)"),
        ({"questions": [QUESTION], "pq": ["quality"]}, r"sc: is required; name the scores that make SC"),
        (PLAIN | {"sc": ["sucess"]}, r"sc: no score 'sucess'; available: success, quality"),
        (PLAIN | {"overall": {"mean": ["sc", "qp"]}}, r"overall: no score 'qp'; available: success, quality, sc, pq"),
        (PLAIN | {"sc": {"average": ["success"]}}, r"sc: no rule 'average'; available: min, mean, product, geometric"),
        (PLAIN | {"sc": {"weighted": {"success": 0}}}, r"sc: give each score a positive weight"),
        (PLAIN | {"sc": "success"}, r"sc: give a list of scores"),
        (
            PLAIN | {"range": [5, 1]},
            r"\[5(\.0)?, 1(\.0)?\] is not a scale; give at least two numbers",
        ),
        (PLAIN | {"range": [1, 2, 3]}, r"is not a range; give the lowest and the highest score"),
        (PLAIN | {"range": [1, 5], "values": [1, 5]}, r"give either range"),
        (PLAIN | {"range": "1-5"}, r"range: give numbers in brackets, as in \[1, 5\]"),
        (question(images="source"), r"questions\.0\.images: give a list of names, as in \[a, b\]"),
        (PLAIN | {"passes": 0}, r"passes: 0 is not allowed"),
        (question(text=None), r"questions\.0: give either text"),
        (question(text=None, file="lost.txt"), r"questions\.0\.file: .*lost\.txt: cannot be read: No such file"),
        (question(scores=["a", "a"]), r"questions\.0\.scores: repeats the name a"),
        (question(scores=["success", "reasoning"]), r"a score cannot be named 'reasoning'; choose another name"),
        (question(texts=["success"]), r"a text of the reply cannot be named 'success'; choose another name"),
        (question(text="<instruction>!", words=[]), r"questions\.0\.words: .* add instruction to words"),
        (question(images=[]), r"questions\.0\.images"),
        (question(scores={"success": None, "quality": {"at_most": "q"}}), r"no other score 'q'; available: success"),
        (question(examples=[{"images": {"source": "a.png"}}]), r"shows the images of its question: source, edited"),
        (
            question(examples=[{"images": {"source": "a.png", "edited": "a.png"}}]),
            r"questions\.0\.examples: .*a\.png: cannot be read: No such file",
        ),
        (PLAIN | {"questions": [QUESTION, QUESTION]}, r"two of them have a score 'success'"),
        (
            PLAIN | {"tasks": {"add": {"questions": [QUESTION], "sc": ["lost"]}}},
            r"mine\.yaml: tasks\.add\.sc: no score 'lost'",
        ),
    ],
)
def test_an_error_names_file_key_and_remedy(tmp_path: Path, values: Any, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as error:
        load(tmp_path, values)
    assert str(tmp_path / "mine.yaml") in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lost\.yaml: no such"):
        load_rubric(str(tmp_path / "lost.yaml"))


DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs/rubrics.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("text", DOCUMENTED, ids=["first", "tasks", "passes"])
def test_every_documented_rubric_is_valid(tmp_path: Path, text: str) -> None:
    rubric = load(tmp_path, text)
    assert rubric.variants
    for each in rubric.variants:
        top = each.overall({name: scale.high for name, scale in each.scales.items()})
        assert top == pytest.approx((10, 10, 10))
        assert all(f"<{word}>" in question.text for question in each.questions for word in question.words)


SECTION = (REPOSITORY / "docs/rubrics.md").read_text().split("## Write your own rubric\n")[1].split("\n## ")[0]
COMMANDS = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)


def test_documented_commands_give_scores(tmp_path: Path) -> None:
    """Type every command of "Write your own rubric" in a shell, with a server in place of the model."""
    write(tmp_path, DOCUMENTED[0])
    for name in ("photos/street.jpg", "edits/street.png"):
        (tmp_path / name).parent.mkdir()
        PIL.Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name)
    with serving(server.says('{"score": [5, 2], "reasoning": "Dark."}')) as running:
        typed = "set -e\n" + "".join(COMMANDS).replace("http://localhost:8000/v1", running.url)
        typed = f'omniedit() {{ "{sys.executable}" -m omniedit "$@"; }}\n' + typed
        done = subprocess.run(["bash", "-c", typed], cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(running.bodies) == 1 + 3
        assert "The instruction was: Make it night, with wet asphalt." in str(running.bodies[0])
    (row,), (averaged,) = (read_csv(tmp_path / name) for name in ("scores.csv", "passes.csv"))
    assert [row[name] for name in ("success", "quality", "sc_score", "pq_score", "o_score", "rubric")] == [
        *("5.0", "2.0", "10.0", "2.5", "5.0"),
        "mine",
    ]
    assert (averaged["o_score"], averaged["o_spread"], averaged["passes"]) == ("5.0", "0.0", "3")
    assert "1 scored; mean O 5.00" in done.stdout and "Spearman" in done.stdout


def test_the_config_accepts_a_packaged_rubric_or_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN)
    assert load_rubric(ApiConfig(rubric=path).rubric).name == "mine"
    assert load_rubric(path).digest in judge_fingerprint(ScoringConfig(api=ApiConfig(rubric=path)), "api")
    with pytest.raises(ValueError, match="no rubric 'edits' of edit pairs; give edit, viescore_editing, anyedit, or"):
        ApiConfig(rubric="edits")
