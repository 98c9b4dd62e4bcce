"""Reference images of AnyEdit's visual types, computed from the scenes before and after an edit.

Each function returns an image of (size, size, 3) RGB.
"""

from dataclasses import replace

import cv2
import numpy as np

from benchmarks.ablation.scene import Scene, Thing, box, opacity, render
from omniedit.imaging.images import Image
from omniedit.imaging.line_drawing import RED, draw_lines, sketch_lines
from omniedit.imaging.morphology import dilate

LAYERS = ((230, 25, 75), (0, 130, 200))
"""Colours of the things in a segmentation map, from left to right, on black."""
PAPER = 235
"""Grey of the ground behind a thing that is shown alone."""


def show_alone(thing: Thing, size: int) -> Image:
    """Show a thing large on plain ground."""
    ground = np.full((size, size, 3), PAPER, np.uint8)
    return render(Scene(ground, "", (replace(thing, x=0.5, foot=0.95, side=0.9),)))


def mark_box(scene: Scene, thing: Thing) -> Image:
    """Draw a red box around a thing on a copy of the scene."""
    image = render(scene)
    size = len(image)
    left, top, right, bottom = (round(edge * size) for edge in box(thing, size))
    width = max(1, size // 64)
    cv2.rectangle(image, (max(0, left - 1), max(0, top - 1)), (min(size, right + 1), min(size, bottom + 1)), RED, width)
    return image


def depth_map(scene: Scene) -> Image:
    """Show near things bright and the ground dark. A thing is as near as it is large, and flat."""
    size = len(scene.ground)
    depth = np.zeros((size, size), np.float32)
    for thing in scene.things:
        depth = np.where(opacity([thing], size) > 0.5, np.clip(2 * thing.side - 0.2, 0, 1), depth)
    return np.repeat(np.round(255 * depth).astype(np.uint8)[..., None], 3, axis=2)


def segmentation_map(scene: Scene) -> Image:
    """Show each thing as a flat colour on black."""
    size = len(scene.ground)
    image = np.zeros((size, size, 3), np.uint8)
    for thing, colour in zip(sorted(scene.things, key=lambda each: each.x), LAYERS, strict=False):
        image[opacity([thing], size) > 0.5] = colour
    return image


def scribble(scene: Scene) -> Image:
    """Draw thick outlines of the things, black on white."""
    size = len(scene.ground)
    lines = np.zeros((size, size), bool)
    for thing in scene.things:
        inside = opacity([thing], size) > 0.5
        lines |= dilate(inside, size // 32) & ~inside
    return draw_lines(lines, dark=True)


def sketch(scene: Scene) -> Image:
    """Draw the edges of things and ground, black on white."""
    return draw_lines(sketch_lines(render(scene)), dark=True)
