"""Scenes of the rendered world: named cut-outs in front of photographs, drawn pixel by pixel and described."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.ablation.assets import RGBA
from benchmarks.ablation.effects import paint_cutout
from benchmarks.ablation.surfaces import cover_cutout
from omniedit.imaging.color import FloatImage, to_bytes, to_float
from omniedit.imaging.color_names import without_colour
from omniedit.imaging.images import Image

SLOTS = {"on the left": 0.25, "in the middle": 0.5, "on the right": 0.75}
"""Names of places, with the x coordinate of an object's centre there as a share of the image width."""
BLANK, BLANK_GREY = 0.3, 128
"""Width of a blank strip as a share of the image, and its grey."""


@dataclass(frozen=True)
class Thing:
    """Cut-out standing in an image.

    Args:
        cut_out: (side, side, 4) RGBA, colours multiplied by alpha.
        slot: a key of `SLOTS`.
        x, foot, side: centre, lower edge and longer side, as shares of the image.
        paint: colour that the thing is painted in, "" for its own.
        cut: whether the image's edges may cut the thing. Otherwise it is moved inside.
        surface: pattern or material that covers the thing (see surfaces.py), "" for its own.
    """

    name: str
    cut_out: RGBA
    slot: str
    x: float
    foot: float
    side: float
    paint: str = ""
    cut: bool = False
    surface: str = ""


@dataclass(frozen=True)
class Scene:
    """Things in front of a photograph.

    Args:
        ground: (size, size, 3) RGB.
        place: name of the photograph, "" for none.
        blank: side of the image that is a grey strip, a key of `SLOTS`; "" for none.
    """

    ground: Image
    place: str
    things: tuple[Thing, ...]
    blank: str = ""

    def without(self, thing: Thing) -> "Scene":
        return replace(self, things=tuple(other for other in self.things if other is not thing))

    def plus(self, thing: Thing) -> "Scene":
        return replace(self, things=(*self.things, thing))


def view(photo: Image, size: int, rng: np.random.Generator) -> Image:
    """Return a random square of a photograph, at least half its height, mirrored at random."""
    height, width = photo.shape[:2]
    side = round(height * rng.uniform(0.5, 1))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = photo[top : top + side, left : left + side]
    scaled = cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled if rng.random() < 0.5 else scaled[:, ::-1])


def render(scene: Scene) -> Image:
    image = to_float(scene.ground)
    for thing in scene.things:
        rows, columns, patch = lay_out(thing, len(image))
        alpha = patch[..., 3:]
        image[rows, columns] = image[rows, columns] * (1 - alpha) + patch[..., :3]
    rendered = to_bytes(image)
    rendered[:, blank_columns(scene)] = BLANK_GREY
    return rendered


def blank_columns(scene: Scene) -> slice:
    """Return the columns of the grey strip of a scene, empty without one."""
    size = len(scene.ground)
    width = round(BLANK * size) if scene.blank else 0
    return slice(size - width, size) if scene.blank == "on the right" else slice(0, width)


def lay_out(thing: Thing, size: int) -> tuple[slice, slice, np.ndarray]:
    """Return the rows and columns of the square that a thing fills, and its (h, w, 4) RGBA values in [0, 1]."""
    side = round(thing.side * size)
    left, top = round(thing.x * size - side / 2), round(thing.foot * size) - side
    if not thing.cut:
        left, top = (int(np.clip(edge, 0, size - side)) for edge in (left, top))
    patch = cv2.resize(thing.cut_out, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    painted_patch = paint_cutout(patch, thing.paint) if thing.paint else patch
    painted_patch = cover_cutout(painted_patch, thing.surface) if thing.surface else painted_patch
    rows, columns = (slice(max(0, edge), min(size, edge + side)) for edge in (top, left))
    seen = painted_patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return rows, columns, seen


def opacity(things: Sequence[Thing], size: int) -> FloatImage:
    """Return the joint opacity of things, (size, size) in [0, 1]."""
    total = np.zeros((size, size), np.float32)
    for thing in things:
        rows, columns, patch = lay_out(thing, size)
        total[rows, columns] = np.maximum(total[rows, columns], patch[..., 3])
    return total


def defocus(ground: Image, rng: np.random.Generator) -> Image:
    """Blur a ground as if something in front of it were in focus."""
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), len(ground) * rng.uniform(0.005, 0.05)), np.uint8)


def in_other_light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror an (H, W, 3 or 4) image at random and make each colour a little stronger or weaker."""
    gains = rng.uniform(0.75, 1.15) * rng.uniform(0.93, 1.07, 3)
    lit = image[:, ::-1].copy() if rng.random() < 0.5 else image.copy()
    limit = lit[..., 3:] if lit.shape[2] == 4 else 255
    lit[..., :3] = np.minimum(lit[..., :3] * gains, limit)
    return lit


def box(thing: Thing, size: int) -> list[float]:
    """Return left, top, right and bottom of a thing, as shares of the image."""
    ys, xs = np.nonzero(opacity([thing], size) > 0.5)
    return [float(edge) / size for edge in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]


def choose_thing(scene: Scene, rng: np.random.Generator) -> Thing:
    return scene.things[rng.integers(len(scene.things))]


def the(thing: Thing, scene: Scene) -> str:
    """Return 'the duck', with its side if there is another thing."""
    return f"the {thing.name}" if len(scene.things) == 1 else f"the {thing.name} {thing.slot}"


def a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def caption(scene: Scene) -> str:
    """Return a caption such as 'a red duck on the left and a cow on the right, a forest stream'."""
    things = [f"{a(describe_thing(thing))} {thing.slot}" for thing in scene.things]
    return ", ".join(filter(None, [" and ".join(things), scene.place])) or "a photograph"


def describe_thing(thing: Thing) -> str:
    """Return the thing's name with its paint or surface, such as 'red pepper' for a yellow pepper painted red."""
    name = f"{thing.paint} {without_colour(thing.name)}" if thing.paint else thing.name
    return f"{name} in {thing.surface}" if thing.surface else name
