"""Tests of the rendered scenes of complex instructions: their own numbers and the resolver agree on what is meant."""

from collections import Counter

import numpy as np

from benchmarks.complex_instructions import HEIGHT, WIDTH, Item, draw_scene, write_instructions
from omniedit.imaging.color_names import COLOURS
from omniedit.instructions.individuals import Individual
from omniedit.instructions.referring_expressions import resolve

GROUND = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)


def to_individual(item: Item) -> Individual:
    return Individual(item.noun, item.box, item.area, item.paint, COLOURS[item.paint])


def test_instructions_resolved_with_exact_scene_data_mean_their_object() -> None:
    cues: Counter[str] = Counter()
    for number in range(30):
        _, items, count = draw_scene([GROUND], {}, np.random.default_rng(number))
        individuals = [to_individual(item) for item in items]
        for target in range(count):
            for cue, phrase in write_instructions(target, items[:count]):
                assert resolve(f"the {phrase}", individuals) == target, phrase
                cues[cue] += 1
    assert {"place", "order", "size", "colour"} <= set(cues), cues
    assert any(cue.startswith("colour and") for cue in cues)


def test_boxes_and_areas_are_those_of_the_drawn_objects() -> None:
    image, items, _ = draw_scene([GROUND], {}, np.random.default_rng(3))
    drawn = np.abs(image.astype(int) - 120).max(axis=2) > 25
    for item in items:
        left, top, right, bottom = item.box
        inside = drawn[round(top * HEIGHT) : round(bottom * HEIGHT), round(left * WIDTH) : round(right * WIDTH)]
        assert inside.mean() > 0.3 and 0 < item.area <= (right - left) * (bottom - top) + 1e-3
