"""Sizes at which editors get images, and how outputs return to the source's size."""

from collections.abc import Callable
from math import sqrt
from typing import Literal

from pydantic import Field

from omniedit.config.section import Section
from omniedit.imaging.images import Image, resize, resize_cover

Size = tuple[int, int]
"""Width and height in pixels."""


class Sizes(Section):
    """Native size of an editor."""

    policy: Literal["source", "area", "longer", "shorter", "square"] = "source"
    """Size of the image that the editor gets: `source`, unchanged; `area`, about side^2 pixels; `longer` or `shorter`,
    this side is `side`; `square`, side x side, stretched. All but the last keep the ratio, apart from rounding to
    `multiple`."""
    side: int = Field(1024, ge=8)
    """Side in pixels of the policy."""
    multiple: int = Field(1, ge=1)
    """Both sides are rounded to multiples of this."""

    def native(self, width: int, height: int) -> Size:
        """Return the size at which the editor gets an image of a size."""
        scales: dict[str, Callable[[], float]] = {
            "source": lambda: 1.0,
            "area": lambda: self.side / sqrt(width * height),
            "longer": lambda: self.side / max(width, height),
            "shorter": lambda: self.side / min(width, height),
        }
        if self.policy == "square":
            return self._round(self.side), self._round(self.side)
        scale = scales[self.policy]()
        return self._round(width * scale), self._round(height * scale)

    def describe(self) -> str:
        """Describe the policy in a table's header: `longer side 512, multiples of 64`."""
        texts = {
            "source": "the source's size",
            "area": f"about {self.side} x {self.side} pixels",
            "longer": f"longer side {self.side}",
            "shorter": f"shorter side {self.side}",
            "square": f"{self.side} x {self.side}, stretched",
        }
        return texts[self.policy] + (f", multiples of {self.multiple}" if self.multiple > 1 else "")

    def _round(self, side: float) -> int:
        return max(1, round(side / self.multiple)) * self.multiple


def keep(image: Image, width: int, height: int) -> Image:
    """Return an output at its own size."""
    return image


RESTORERS: dict[str, Callable[[Image, int, int], Image]] = {"resize": resize, "cover": resize_cover, "keep": keep}
"""Functions that return an output at the source's width and height: `resize` scales each side by its own factor;
`cover` scales both sides by the same factor and crops the surplus; `keep` returns the output at its own size, as some
benchmarks judge it."""
