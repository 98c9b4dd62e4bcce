"""Tests of counterfactual scenes: concepts are offered equally often, and only scenes that combine them are used."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from omniedit.instructions.counterfactual_scenes import (
    MAX_CHOICES,
    SceneConcepts,
    draw_offers,
    propose_scenes,
    read_scenes,
)
from omniedit.instructions.word_lists import read_list
from omniedit.vlm import Prompt, Reply

OFFER = SceneConcepts(("camel", "grand piano", "robot", "yak"), ("a frozen lake", "a bakery before dawn"))
GOOD: dict[str, Any] = {
    "concepts": ["camel", "grand piano"],
    "place": "a frozen lake",
    "caption": "A camel stands by a grand piano on a frozen lake.",
}


class Writer:
    """Model that combines the first two offered concepts in the first offered place."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        self.prompts += prompts
        return [Reply(json.dumps({"scenes": [self._scene(str(prompt.parts[1]))]}), "writer") for prompt in prompts]

    def _scene(self, facts: str) -> dict[str, Any]:
        offered = dict(line.split(": ", 1) for line in facts.splitlines())
        first, second, *_ = offered["concepts"].split("; ")
        place = offered["places"].split("; ")[0]
        return {"concepts": [first, second], "place": place, "caption": f"A {first} by a {second} in {place}."}


def test_concepts_are_offered_equally_often() -> None:
    concepts, places = read_list("concepts"), read_list("contexts")
    rounds = len(concepts)
    offers = draw_offers(rounds, 0, concepts, places)
    counts = Counter(concept for offer in offers for concept in offer.concepts)
    assert len(concepts) > 100 and set(counts.values()) == {MAX_CHOICES}
    assert offers == draw_offers(rounds, 0, concepts, places) != draw_offers(rounds, 1, concepts, places)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"concepts": ["camel", "horse"]}, "'horse' is not one of the concepts to combine"),
        ({"concepts": ["camel"]}, "concepts: List should have at least 2 items"),
        ({"concepts": ["camel", "camel"]}, "'camel' is combined with itself"),
        ({"concepts": ["robot", "yak"]}, "the caption does not name 'robot'"),
        ({"place": "the moon"}, "'the moon' is not one of the places"),
        ({"place": "a bakery before dawn"}, "the caption does not name the place"),
        ({"caption": GOOD["caption"] + " It is large." * 12}, "more than 40 words"),
        ({"mood": "sad"}, "mood: Extra inputs are not permitted"),
    ],
)
def test_unusable_scene_is_rejected_and_others_are_kept(wrong: dict[str, Any], why: str) -> None:
    parsed = read_scenes(json.dumps({"scenes": [GOOD | wrong, GOOD]}), OFFER)
    assert [scene.concepts for scene in parsed.parts] == [GOOD["concepts"]]
    (flaw,) = parsed.flaws
    assert why in flaw.reason


def test_concept_is_combined_once_in_a_reply() -> None:
    again = GOOD | {"concepts": ["camel", "yak"], "caption": "A camel and a yak on a frozen lake."}
    parsed = read_scenes(json.dumps({"scenes": [GOOD, again]}), OFFER)
    assert len(parsed.parts) == 1 and "'camel' is in another scene already" in parsed.flaws[0].reason


def test_scenes_are_proposed_until_there_are_enough_without_repetition() -> None:
    writer = Writer()
    scenes, reasons = propose_scenes(writer, 13, seed=0, tries=1)
    assert len(writer.prompts) == 3 and len(scenes) == 3 and reasons == []
    repeated, _ = propose_scenes(Writer(), 13, seed=0, concepts=("camel", "robot"), places=("a lake", "a moor"))
    assert len(repeated) == 1
