"""Style transfer: a feed-forward multi-style network and classical stylisations."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Literal

import numpy as np

from omniedit.imaging.images import Image
from omniedit.instructions.templates.appearance import style_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist
from omniedit.specialists.embedded import style_network
from omniedit.specialists.embedded.drawing_styles import charcoal, coloured_pencil, linocut, pencil_sketch
from omniedit.specialists.embedded.painting_styles import oil_painting, pointillism, watercolour
from omniedit.specialists.embedded.print_styles import comic_book, halftone_print, pixel_art, sepia_photograph
from omniedit.tasks import Task

Render = Callable[[Image, np.random.Generator], Image]


@dataclass(frozen=True)
class Style:
    """Style of a whole image.

    Args:
        noun: with its article, as used in an instruction: 'a pencil sketch'.
        render: redraws the photo at its size.
    """

    name: str
    noun: str
    technique: Literal["multistyle26", "opencv"]
    render: Render


def _network_style(image: Image, rng: np.random.Generator, *, index: int) -> Image:
    return style_network.stylize(image, index)


def _painting_style(index: int, name: str, noun: str) -> Style:
    return Style(name, noun, "multistyle26", partial(_network_style, index=index))


def _drawing_style(render: Render, noun: str) -> Style:
    return Style(noun.removeprefix("an ").removeprefix("a "), noun, "opencv", render)


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        _drawing_style(pencil_sketch, "a pencil sketch"),
        _drawing_style(coloured_pencil, "a coloured pencil drawing"),
        _drawing_style(charcoal, "a charcoal drawing"),
        _drawing_style(linocut, "a black and white linocut"),
        _drawing_style(oil_painting, "an oil painting"),
        _drawing_style(watercolour, "a watercolour painting"),
        _drawing_style(pointillism, "a pointillist painting"),
        _drawing_style(halftone_print, "a halftone newspaper print"),
        _drawing_style(comic_book, "a comic book panel"),
        _drawing_style(pixel_art, "pixel art"),
        _drawing_style(sepia_photograph, "an old sepia photograph"),
        _painting_style(0, "ochre and pale blue oil", "an oil painting in ochre and pale blue"),
        _painting_style(1, "black and yellow ink", "a bold ink drawing in black and yellow"),
        _painting_style(2, "ink and wash", "an ink and wash drawing with touches of peach"),
        _painting_style(4, "crimson and gold expressionism", "an expressionist painting in crimson and gold"),
        _painting_style(5, "orange and violet strokes", "a painting with thick orange and violet strokes"),
        _painting_style(7, "primary colours", "a bold painting in yellow, blue and red"),
        _painting_style(8, "felt-tip pens", "a bright felt-tip drawing in cyan, magenta and yellow"),
        _painting_style(10, "burnt copper", "a painting in burnt copper tones"),
        _painting_style(11, "gold and cream woodcut", "a woodcut in gold and cream"),
        _painting_style(12, "lavender and yellow impressionism", "an impressionist painting in lavender and yellow"),
        _painting_style(13, "green and red fauvism", "a fauvist painting in green and red with black outlines"),
        _painting_style(14, "pale blue pastel", "a pastel drawing in pale blue and pink"),
        _painting_style(18, "sepia woodcut", "a woodcut in sepia"),
        _painting_style(
            19, "blue and yellow swirls", "a post-impressionist painting with blue and yellow brushstrokes"
        ),
        _painting_style(22, "slate blue and red", "a painting in slate blue and red with heavy outlines"),
        _painting_style(23, "brooding oil", "a brooding, muted oil painting"),
        _painting_style(24, "Prussian blue woodblock", "a woodblock print in Prussian blue on cream paper"),
    )
}
"""Styles by name. Network styles in which photos cannot be recognised (3, 6, 9, 15, 16, 17, 21) and two near-duplicates
(20, 25) are left out. The network has no names for its styles, so the names describe how they look."""


class StyleTransfer(EmbeddedSpecialist):
    """Restyling of the whole photo. Truth: style (a key of STYLES), technique ('multistyle26' | 'opencv')."""

    task = Task.STYLE_TRANSFER

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        style = STYLES[list(STYLES)[rng.integers(len(STYLES))]]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=style_instructions(style.noun, rng),
            truth={"style": style.name, "technique": style.technique},
            parts={"seed": int(rng.integers(2**63))},
        )

    def _edit(self, request: EditRequest) -> EditResult:
        style = STYLES[request.truth["style"]]
        assert request.parts
        image = style.render(request.photo.image, np.random.default_rng(request.parts["seed"]))
        if style.technique == "multistyle26":
            return EditResult(image, None, {"multistyle26": style_network.MODEL})
        return EditResult(image, None, {"opencv": version("opencv-python-headless")})
