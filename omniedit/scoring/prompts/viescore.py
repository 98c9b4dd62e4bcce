"""Prompts of VIEScore (TIGER-AI-Lab/VIEScore), GEdit-Bench (stepfun-ai/Step1X-Edit) and EditScore.

VIEScore and GEdit-Bench have the same prompts in `viescore/vie_prompts.py`. Each question joins a context, a rule on
the images and a rule on the scores; PQ needs no rule on the images. EditScore asks for the reasoning first and for
scores from 0 to 25. As in the benchmarks' own code, the images follow the text without labels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniedit.scoring.prompts.constants import choose, find_file, read_constants
from omniedit.scoring.rubric import load_rubric

RULES: Mapping[str, tuple[str, str]] = {
    "viescore_editing": ("two_image_edit_rule", "tie_rule_SC"),
    "viescore_mask_editing": ("two_image_edit_rule", "mie_rule_SC"),
    "viescore_subject_editing": ("subject_image_edit_rule", "sdie_rule_SC"),
    "viescore_generation": ("one_image_gen_rule", "t2i_rule_SC"),
    "viescore_subject_generation": ("subject_image_gen_rule", "sdig_rule_SC"),
    "viescore_multi_concept": ("multi_subject_image_gen_rule", "msdig_rule_SC"),
    "viescore_control_generation": ("control_image_gen_rule", "cig_rule_SC"),
    "gedit": ("two_image_edit_rule", "tie_rule_SC"),
}
"""Names of the rules on images and on scores, by rubric."""
EDITSCORE_RANGE = 25


def find_viescore(folder: Path) -> Path | None:
    return find_file(folder, ("viescore/vie_prompts.py", "GEdit-Bench/viescore/vie_prompts.py", "vie_prompts.py"))


def read_viescore(path: Path, name: str) -> dict[str, Any]:
    """Return the rubric of a task of VIEScore, or `gedit`, with its official texts."""
    rules = [f"_prompts_0shot_{rule}" for rule in (*RULES[name], "rule_PQ")]
    context, images, scores, quality = choose(read_constants(path), ["_context_no_delimit", *rules], path)
    shipped = load_rubric("viescore_editing" if name == "gedit" else name)
    texts = ("\n".join([context, images, scores.replace("<subject>", "<subject_name>")]), f"{context}\n{quality}")
    questions = [
        {
            "text": text,
            "images": dict.fromkeys(question.images, ""),
            "words": list(question.words),
            "scores": list(question.scores),
        }
        for text, question in zip(texts, shipped.questions, strict=True)
    ]
    return {"questions": questions, "sc": list(shipped.sc), "pq": list(shipped.pq)}


def find_editscore(folder: Path) -> Path | None:
    return find_file(folder, ("editscore/vie_prompts.py",))


def read_editscore(path: Path, _: str) -> dict[str, Any]:
    """Return the rubric of EditScore: each 10 in the rules on scores becomes 25, as in its own code."""
    names = ("two_image_edit_rule", "tie_rule_SC", "rule_PQ")
    names = ("_context_no_delimit_reasoning_first", *(f"_prompts_0shot_{name}" for name in names))
    context, images, scores, quality = choose(read_constants(path), names, path)
    scores, quality = (text.replace("10", str(EDITSCORE_RANGE)) for text in (scores, quality))
    semantic = {
        "text": "\n".join([context, images, scores]),
        "images": {"source": "", "edited": ""},
        "words": ["instruction"],
        "scores": ["prompt_following", "consistency"],
    }
    perceptual = {"text": f"{context}\n{quality}", "images": {"edited": ""}, "scores": ["naturalness", "artifacts"]}
    return {
        "range": [0, EDITSCORE_RANGE],
        "questions": [semantic, perceptual],
        "sc": list(semantic["scores"]),
        "pq": list(perceptual["scores"]),
    }
