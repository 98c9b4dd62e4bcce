"""Report pages: self-contained HTML files.

Snakemake's report shows a page in a frame whose address is the whole page, as a data: URI. Chromium leaves such a frame
blank when the address is longer than 2 MiB, so a page must stay under `MAX_PAGE_BYTES` bytes.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import TYPE_CHECKING

import cv2
import PIL.Image
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from omniedit.imaging.images import Image, Mask

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PAGE_BYTES = 2 * 1024 * 1024 * 3 // 4 - 4096
"""Maximum size in bytes of a page that Chromium shows; base64 makes it a third longer."""

WEBP_METHOD = 2
"""Effort of the encoder, 0 to 6. The default of 4 would take 2.3 times as long, for files that are 5 % smaller."""
NO_VALUE = "\N{EN DASH}"
"""Placeholder for a missing value."""

PIXELS_PER_INCH = 112
"""Scale of figures: 9.4 inches fill the width of a page, and a text of 9 points is as high as the page's text."""


@dataclass(frozen=True)
class PageRow:
    """Cells of a table's row; `total` marks a row of totals."""

    cells: list[str]
    total: bool = False


def render(template: str, values: Mapping[str, object]) -> str:
    """Render `templates/{template}.html.j2` with the given values."""
    return _environment().get_template(f"{template}.html.j2").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("omniedit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["percent"] = percent
    environment.filters["figure"] = figure_image
    return environment


def number(value: float | None, digits: int = 2) -> str:
    return NO_VALUE if value is None or isnan(value) else f"{value:,.{digits}f}".replace("inf", "\N{INFINITY}")


def percent(share: float | None) -> str:
    return NO_VALUE if share is None or isnan(share) else f"{100 * share:.0f} %"


def figure_image(figure: "Figure", description: str) -> Markup:
    """Return a figure as an <img> element, so that the ids of two figures on one page cannot clash."""
    from omniedit.reporting.figure_style import svg  # here, because it imports matplotlib, which most pages do not need

    encoded = base64.b64encode(svg(figure).encode()).decode()
    width = round(figure.get_figwidth() * PIXELS_PER_INCH)
    template = '<img class="plot" style="max-width:{}px" alt="{}" src="data:image/svg+xml;base64,{}">'
    return Markup(template).format(width, description, encoded)


def image_uri(image: Image, pixels: int, quality: int = 70) -> str:
    """Encode an image as a WebP data: URI, scaled down to at most `pixels` of area."""
    return "data:image/webp;base64," + base64.b64encode(encode_webp(image, pixels, quality)).decode()


def encode_webp(image: Image, pixels: int, quality: int) -> bytes:
    """Encode an image as WebP, scaled down to at most `pixels` of area."""
    file = io.BytesIO()
    PIL.Image.fromarray(shrink_to_area(image, pixels)).save(file, "WEBP", quality=quality, method=WEBP_METHOD)
    return file.getvalue()


def shrink_to_area(image: Image, pixels: int) -> Image:
    """Scale an image down to at most `pixels` of area, keeping its aspect ratio."""
    height, width = image.shape[:2]
    scale = (pixels / (width * height)) ** 0.5
    if scale >= 1:
        return image
    size = round(width * scale), round(height * scale)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def outline(mask: Mask) -> str:
    """Return the mask's outline as an SVG path. The view box covers the image and is 1000 units wide.

    Specks smaller than 0.02 % of the image are left out.
    """
    height, width = mask.shape
    unit = 1000 / width
    contours, _ = cv2.findContours(mask.astype("uint8"), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    paths = []
    for contour in contours:
        if cv2.contourArea(contour) < 2e-4 * height * width:
            continue
        corners = cv2.approxPolyDP(contour, 1.5 / unit / 2, True)[:, 0]
        paths.append("M" + "L".join(f"{x * unit:.0f} {y * unit:.0f}" for x, y in corners) + "Z")
    return "".join(paths)
