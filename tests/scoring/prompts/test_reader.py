"""Readers of official prompts, on small checkouts of the same layout as the benchmarks' own."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from omniedit.errors import UserError
from omniedit.scoring.examples import Example
from omniedit.scoring.prompts.reader import read_prompts
from omniedit.scoring.prompts.viescore import ONE_SHOT, VIESCORE_RUBRICS
from omniedit.scoring.question_layout import lay_out
from omniedit.scoring.reply_form import Scale
from omniedit.scoring.reply_parser import Unscorable, parse_scores
from omniedit.scoring.rubric_registry import load_rubric

RULES = (
    *("two_image_edit_rule", "subject_image_edit_rule", "one_image_gen_rule", "subject_image_gen_rule"),
    *("multi_subject_image_gen_rule", "control_image_gen_rule"),
)
TEXTS = {
    "tie_rule_SC": "From 0 to 10.\nEditing instruction: <instruction>",
    "mie_rule_SC": "Masked. Editing instruction: <instruction>",
    "sdie_rule_SC": "Subject: <subject>",
    "t2i_rule_SC": "Text Prompt: <prompt>",
    "sdig_rule_SC": "Subject. Text Prompt: <prompt>",
    "msdig_rule_SC": "Subjects. Text Prompt: <prompt>",
    "cig_rule_SC": "Guidance. Text Prompt: <prompt>",
    "rule_PQ": "Quality from 0 to 10.\n",
}


def write_python(path: Path, texts: dict[str, str]) -> Path:
    """Write a Python file that assigns texts to names and would leave a trace if it ran."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'{name} = """{text}"""\n\n' for name, text in texts.items()]
    trap = f"open({str(path.parent / 'it_ran')!r}, 'w').close()\nraise SystemExit(1)\n"
    path.write_text("# generated\nimport os\n" + trap + "".join(lines), encoding="utf-8")
    return path


def write_viescore(folder: Path, place: str = "viescore/vie_prompts.py") -> Path:
    texts = {"_context_no_delimit": 'Answer:\n{\n"score" : [...],\n"reasoning" : "..."\n}'}
    texts |= {f"_prompts_0shot_{rule}": f"RULES: {rule}\n" for rule in RULES}
    write_python(folder / place, texts | {f"_prompts_0shot_{name}": text for name, text in TEXTS.items()})
    return folder


@pytest.mark.parametrize("place", ["viescore/vie_prompts.py", "GEdit-Bench/viescore/vie_prompts.py", "vie_prompts.py"])
def test_viescore_prompts_are_joined_as_in_the_official_code(tmp_path: Path, place: str) -> None:
    rubric = read_prompts(write_viescore(tmp_path, place), "gedit")
    context = 'Answer:\n{\n"score" : [...],\n"reasoning" : "..."\n}'
    semantic, perceptual = rubric.questions
    assert semantic.text == f"{context}\nRULES: two_image_edit_rule\n\n{TEXTS['tie_rule_SC']}"
    assert perceptual.text == f"{context}\n{TEXTS['rule_PQ']}"
    assert (semantic.images, dict(semantic.labels)) == (("source", "edited"), {"source": "", "edited": ""})
    assert (perceptual.images, semantic.words, perceptual.words) == (("edited",), ("instruction",), ())
    assert rubric.overall({"success": 9, "restraint": 4, "naturalness": 9, "artifacts": 10}) == (4, 9, 6)
    assert not list(tmp_path.rglob("it_ran"))


@pytest.mark.parametrize(
    "name",
    [name for name in VIESCORE_RUBRICS if name.startswith("viescore_") and not name.endswith(ONE_SHOT)],
)
def test_every_task_of_viescore_has_its_rules_and_the_inputs_of_the_packaged_rubric(tmp_path: Path, name: str) -> None:
    rubric, shipped = read_prompts(write_viescore(tmp_path), name), load_rubric(name)
    assert (rubric.images, rubric.words, rubric.scores) == (shipped.images, shipped.words, shipped.scores)
    assert all(f"<{word}>" in rubric.questions[0].text for word in shipped.words)
    assert rubric.digest != shipped.digest


def write_one_shot(folder: Path) -> None:
    """Write VIEScore's one-shot texts of text-guided editing, and the list of their examples' images."""
    texts = {"_context": "Answer between ||V^=^V||."}
    texts |= {f"_prompts_1shot_{name}": f"RULES: {name}\n" for name in ("two_image_edit_rule", "rule_PQ")}
    texts["_prompts_1shot_tie_rule_SC"] = 'Editing instruction: A hat?\n{"score" : [5, 10]}\nNow: <instruction>'
    write_python(folder / "viescore/vie_prompts.py", texts)
    museum = folder / "paper_implementation/imagen_museum/__init__.py"
    museum.parent.mkdir(parents=True)
    museum.write_text(
        "import requests\n"
        'SC_tie_examples_1shot = ["https://x.io/Museum/a/input/1.jpg","https://x.io/Museum/a/P2P/1.jpg"]\n'
        "SC_mie_examples_1shot = SC_tie_examples_1shot\n"
        'PQ_examples_1shot = ["https://x.io/Museum/b/2.jpg"]\n'
    )


def test_the_one_shot_prompt_shows_its_example_before_the_case(tmp_path: Path) -> None:
    write_one_shot(tmp_path)
    with pytest.raises(UserError, match=r"Museum/a/input/1\.jpg: no such file; .* https://x\.io/Museum/a/input/1\.jpg"):
        read_prompts(tmp_path, "viescore_editing_1shot")
    for value, place in enumerate(("a/input/1.jpg", "a/P2P/1.jpg", "b/2.jpg"), 1):
        (tmp_path / "Museum" / place).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.full((8, 8, 3), 20 * value, np.uint8)).save(tmp_path / "Museum" / place)
    semantic, perceptual = read_prompts(tmp_path, "viescore_editing_1shot").questions
    case = Example({name: np.full((4, 4, 3), 200, np.uint8) for name in ("source", "edited")}, {"instruction": "Fog."})
    text, *images = lay_out(semantic, case)
    assert str(text).startswith("Answer between ||V^=^V||.\nRULES: two_image_edit_rule\n\nEditing instruction: A hat?")
    assert str(text).endswith("Now: Fog.")
    assert [np.asarray(image).mean().round(-1) for image in images] == [20, 40, 200, 200]
    assert [np.asarray(image).mean().round(-1) for image in lay_out(perceptual, case)[1:]] == [60, 200]


def test_editscore_has_scores_up_to_25_after_the_reasoning(tmp_path: Path) -> None:
    texts = {"_context_no_delimit_reasoning_first": '{\n"reasoning" : "...",\n"score" : [...]\n}\n'}
    names = ("two_image_edit_rule", "tie_rule_SC", "rule_PQ")
    texts |= {f"_prompts_0shot_{name}": TEXTS.get(name, "RULES\n") for name in names}
    write_python(tmp_path / "editscore/vie_prompts.py", texts)
    rubric = read_prompts(tmp_path)
    assert rubric.name == "editscore" and rubric.replace_passes(4).temperature == 0.7
    semantic, perceptual = rubric.questions
    assert "From 0 to 25." in semantic.text and "Quality from 0 to 25." in perceptual.text
    assert set(rubric.scales.values()) == {Scale(0, 25)}
    reply = '{"reasoning": "Good.", "score": [20, 25]}'
    assert parse_scores(reply, semantic.reply_form) == [20, 25]
    scores = {"prompt_following": 20, "consistency": 25, "naturalness": 12.5, "artifacts": 25}
    assert rubric.overall(scores) == (8, 5, pytest.approx(40**0.5))


IMGEDIT = """
You are a data rater. Your task is to evaluate on a 5-point scale from three perspectives:

{0}
1  Target not adjusted.
The second and third score should no higher than first score!!!

Example Response Format:
Brief reasoning: A short explanation of the score based on the criteria above, no more than 20 words.
{0}: A number from 1 to 5.
{1}: A number from 1 to 5.
{2}: A number from 1 to 5.
editing instruction is : <edit_prompt>.

Below are the images before and after editing:
"""
KEYS = {
    "adjust": ("Prompt Compliance", "Visual Seamlessness", "Physical & Detail Fidelity"),
    "style": ("Style Fidelity", "Content Preservation", "Rendering Quality"),
}


@pytest.mark.parametrize("place", ["prompts.json", "Benchmark/Basic/prompts.json"])
def test_imgedit_has_a_prompt_and_score_names_for_each_edit_type(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "Benchmark/Basic").mkdir(parents=True, exist_ok=True)
    (tmp_path / "Benchmark/Basic/basic_edit.json").write_text('{"1082": {"id": "a.jpg", "edit_type": "adjust"}}')
    prompts = {task: IMGEDIT.format(*keys) for task, keys in KEYS.items()}
    (tmp_path / place).write_text(json.dumps(prompts))
    rubric = read_prompts(tmp_path)
    assert (rubric.name, set(rubric.tasks)) == ("imgedit", set(KEYS))
    assert rubric.for_task("remove") is None
    for task, keys in KEYS.items():
        variant = rubric.for_task(task)
        assert variant is not None
        (question,) = variant.questions
        assert question.text == prompts[task].replace("<edit_prompt>", "<instruction>")
        reply = "Brief reasoning: Fine.\n" + "\n".join(f"{key}: {n}" for key, n in zip(keys, (3, 5, 2), strict=True))
        assert parse_scores(reply, question.reply_form) == [3, 5, 2]
        assert isinstance(parse_scores(question.text, question.reply_form), Unscorable), "an echo is no answer"
        sc, pq, o = variant.overall({"score_1": 3, "score_2": 5, "score_3": 2})
        assert (sc, pq, o) == (5, 3.75, pytest.approx(25 / 6)), "the second is capped by the first"


KRIS = {
    "prompt_consist": 'Consistency of {instruct}\n{{\n"consistency_score": X\n}}',
    "prompt_quality": 'Quality\n{{\n"quality_score": X,\n}}',
    "prompt_instruction_following": "Follow {instruct}",
    "prompt_abnormal_instruction_following": "Correct {instruct}: {explanation}",
    "prompt_dual_evaluation": 'Both {instruct}, {explanation}\n{{\n"instruction_score": X\n}}',
    "prompt_view_instruction_following": "View {instruct}",
    "prompt_consist_multi": "Consistency of all: {instruct}",
    "prompt_instruction_multi": "Compose {instruct}",
    "prompt_consist_temporal": "Consistency of frame {N}: {instruct}",
    "prompt_instruction_temporal": "Predict {instruct}",
}


@pytest.mark.parametrize("place", ["ReasonEdit/prompts.py", "prompts.py"])
def test_kris_questions_match_the_official_code(tmp_path: Path, place: str) -> None:
    write_python(tmp_path / place, KRIS)
    rubric = read_prompts(tmp_path)
    assert rubric.name == "kris" and len(rubric.tasks) == 26
    physics, view, anomaly = (rubric.tasks[task] for task in ("physics", "viewpoint_change", "anomaly_correction"))
    assert physics.questions[0].text == 'Both <instruction>, <explanation>\n{\n"instruction_score": X\n}'
    assert physics.questions[2].text == KRIS["prompt_quality"], "it is sent as it is"
    assert physics.words == ("instruction", "explanation") and view.words == ("instruction",)
    assert view.images == ("source", "edited", "ground_truth")
    assert view.questions[0].labels["ground_truth"] == "This is the ground truth image:"
    several = rubric.tasks["multi-element_composition:3"]
    assert several.images == ("source_1", "source_2", "source_3", "edited")
    assert several.questions[0].labels["source_2"] == "Reference Image 2:"
    frames = rubric.tasks["temporal_prediction:2"]
    assert frames.images == ("source_1", "edited", "source_3", "source_4")
    assert frames.questions[1].text == "Consistency of frame 2: <instruction>"
    assert frames.questions[1].labels["edited"] == "Frame 2 (Generated):"
    assert anomaly.questions[0].text == "Correct <instruction>: <explanation>"
    reply = '{"instruction_score": 4, "instruction_reasoning": "a" "knowledge_score": 2, "knowledge_reasoning": "b"}'
    assert parse_scores(reply, physics.questions[0].reply_form) == [4, 2]
    scores = {"instruction_following": 5, "knowledge": 3, "consistency": 1, "quality": 5}
    assert physics.overall(scores) == (5, 10, 6.25)


RISE = {
    "prompt_consist": "Consistency: {instruct}\n**Final Score:** **1-5**",
    "prompt_reasoning": "Reasoning: {instruct} {reference}",
    "prompt_reasoning_w_input": "Reasoning with the input: {instruct} {reference}",
    "prompt_generation": "Quality",
    "prompt_spatial_cons": "Spatial: {instruct}",
    "prompt_spatial_ref": "Reference: {instruct} {reference}",
    "prompt_spatial_ref_w_input": "Reference, input: {instruct} {reference}",
    "prompt_spatial_ref_img": "Image: {instruct}",
    "prompt_spatial_qual": "Spatial quality",
    "prompt_logical_cons_ans": "Logical: {instruct} {reference}",
    "prompt_logical_cons": "Logical: {instruct}",
    "prompt_logical_txt": "Answer: {reference}",
    "prompt_logical_img": "Image answer: {instruct}",
    "prompt_logical_img_wo_q": "Image answer alone {}",
}


def test_rise_categories_scales_and_weights_are_read(tmp_path: Path) -> None:
    write_python(tmp_path / "utils.py", RISE)
    rubric = read_prompts(tmp_path, "rise")
    causal, logical = rubric.tasks["causal_reasoning"], rubric.tasks["logical_reasoning"]
    assert [question.images for question in causal.questions] == [("source", "edited"), ("edited",), ("edited",)]
    assert rubric.tasks["spatial_reasoning:image"].images == ("ground_truth", "edited")
    assert set(logical.scales.values()) == {Scale(0, 1, (0, 1))}
    free = rubric.tasks["causal_reasoning:input:free"]
    assert free.scores == ("instruction_reasoning", "visual_plausibility")
    assert free.overall({"instruction_reasoning": 5, "visual_plausibility": 1}) == (10, 0, 8)
    alone = rubric.tasks["logical_reasoning:image_alone"]
    assert alone.questions[1].text == "Image answer alone {}" and "logical_reasoning:free" not in rubric.tasks
    reply = "Step 1: the same.\n\n**Final Score:** **4**"
    assert parse_scores(reply, causal.questions[0].reply_form) == [4]
    assert parse_scores("**Final Score**: **1**", logical.questions[0].reply_form) == [1]
    scores = {"appearance_consistency": 5, "instruction_reasoning": 3, "visual_plausibility": 1}
    assert causal.overall(scores) == (5, 0, 5.5)
    assert logical.overall({"appearance_consistency": 0, "instruction_reasoning": 1}) == (10, 0, 7)


@pytest.mark.parametrize(
    ("name", "files", "problem"),
    [
        ("lost", {}, "no official prompts for the rubric 'lost'; choose from viescore_editing"),
        ("kris", {}, "has no file with the prompts of 'kris'"),
        (None, {"README.md": "Hello."}, "has no file with known prompts"),
        ("gedit", {"viescore/vie_prompts.py": "x = ("}, r"vie_prompts\.py: not a Python file"),
        ("gedit", {"viescore/vie_prompts.py": "x = 1"}, r"vie_prompts\.py: has no text '_context_no_delimit'"),
        (
            "imgedit",
            {"prompts.json": '{"add": "<edit_prompt>"}'},
            r"json: add: shows 0 scores from 1 to 5 instead of 3",
        ),
        ("imgedit", {"prompts.json": '["<edit_prompt>"]'}, "has no prompt for each edit type"),
        ("rise", {"utils.py": 'prompt_spatial_cons = "a"\nprompt_consist = "{lost}"'}, r"utils\.py: has no text"),
    ],
)
def test_a_folder_without_usable_prompts_is_an_error(
    tmp_path: Path, name: str | None, files: dict[str, str], problem: str
) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(UserError, match=problem):
        read_prompts(tmp_path, name)


def test_a_missing_folder_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder; give --prompts the checkout of a benchmark"):
        read_prompts(tmp_path / "lost")
