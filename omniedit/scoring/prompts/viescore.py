"""Prompts of VIEScore (TIGER-AI-Lab/VIEScore), GEdit-Bench (stepfun-ai/Step1X-Edit) and EditScore.

VIEScore and GEdit-Bench have the same prompts in `viescore/vie_prompts.py`. Each question joins a context, a rule on
the images and a rule on the scores. The prompt for PQ has no rule about the images. EditScore asks for the reasoning
first and for scores from 0 to 25. As in the benchmarks' own code, the images follow the text without labels.
VIEScore's one-shot texts hold the reply to an example, whose images come before the others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.scoring.prompts.constants import choose, find_file, read_constants, read_lists
from omniedit.scoring.rubric_registry import load_rubric

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
ONE_SHOT = "_1shot"
VIESCORE_RUBRICS = (*RULES, *(f"{name}{ONE_SHOT}" for name in RULES if name != "gedit"))
EDITSCORE_RANGE = 25


def find_viescore(folder: Path) -> Path | None:
    return find_file(folder, ("viescore/vie_prompts.py", "GEdit-Bench/viescore/vie_prompts.py", "vie_prompts.py"))


def read_viescore(path: Path, name: str) -> dict[str, Any]:
    """Return the rubric of a task of VIEScore, or `gedit`, with its official texts.

    Raises:
        UserError: a text is missing, or an image of a one-shot rubric is not in the checkout.
    """
    task, shots = name.removesuffix(ONE_SHOT), "1shot" if name.endswith(ONE_SHOT) else "0shot"
    rules = [f"_prompts_{shots}_{rule}" for rule in (*RULES[task], "rule_PQ")]
    contexts = {"0shot": "_context_no_delimit", "1shot": "_context"}
    context, images, scores, quality = choose(read_constants(path), [contexts[shots], *rules], path)
    shipped = load_rubric("viescore_editing" if task == "gedit" else task)
    texts = ("\n".join([context, images, scores.replace("<subject>", "<subject_name>")]), f"{context}\n{quality}")
    kinds = (f"SC_{RULES[task][1].partition('_')[0]}", "PQ")
    questions = [
        {
            "text": text,
            "images": dict.fromkeys(question.images, ""),
            "words": list(question.words),
            "scores": list(question.scores),
            "examples": _find_examples(path, kind, question.images) if shots == "1shot" else [],
        }
        for text, kind, question in zip(texts, kinds, shipped.questions, strict=True)
    ]
    return {"questions": questions, "sc": list(shipped.sc), "pq": list(shipped.pq)}


def _find_examples(path: Path, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the example of a one-shot question. The user keeps its images below Museum/, at the paths of their
    addresses.

    Raises:
        UserError: an image is missing; the message names its address.
    """
    checkout = path.resolve().parents[1]
    listed = read_lists(checkout / "paper_implementation/imagen_museum/__init__.py")
    # Mask-guided editing has the example of text-guided editing.
    addresses = listed.get(f"{kind.replace('mie', 'tie')}_examples_1shot", [])
    if len(addresses) != len(names):
        raise UserError(f"{checkout}: has no list of {len(names)} images '{kind}_examples_1shot'; check it out again")
    files = [checkout / "Museum" / address.partition("/Museum/")[2] for address in addresses]
    for file, address in zip(files, addresses, strict=True):
        if not file.is_file():
            raise UserError(f"{file}: no such file; the one-shot prompt shows {address}: download it to this path")
    return [{"images": dict(zip(names, map(str, files), strict=True))}]


def find_editscore(folder: Path) -> Path | None:
    return find_file(folder, ("editscore/vie_prompts.py",))


def read_editscore(path: Path, _: str) -> dict[str, Any]:
    """Return the rubric of EditScore: each 10 in the rules on scores becomes 25, as in its own code."""
    names = ["_context_no_delimit_reasoning_first"]
    names += [f"_prompts_0shot_{rule}" for rule in (*RULES["gedit"], "rule_PQ")]
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
