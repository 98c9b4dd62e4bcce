"""Instructions of AnyEdit's camera edits: extend the view beyond the photo's border, or turn it."""

import numpy as np

from omniedit.instructions.templates.draw import draw_templates

_OUTPAINT = (
    "Outpaint the image.",
    "Extend the photo into the empty border.",
    "Complete the picture beyond its edges.",
    "Continue the scene into the blank area.",
    "Fill the blank border with the rest of the scene.",
    "Imagine what lies beyond the edges of the photo.",
)

_OUTPAINT_SIDE = (
    "Outpaint the image {where}.",
    "Extend the photo {where}.",
    "Complete the picture {where}.",
    "Continue the scene into the blank area {where}.",
    "Fill the blank strip {where} with the rest of the scene.",
    "Show more of the scene {where}.",
)

_SIDE_PHRASES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}

_TURN = (
    "Rotate the photo {degrees} degrees {direction}.",
    "Turn the image {direction} by {degrees} degrees.",
    "Tilt the picture {degrees} degrees {direction}.",
    "Show the scene turned {direction} by {degrees} degrees.",
    "Roll the view {degrees} degrees {direction}.",
)

_UPSIDE_DOWN = (
    "Turn the photo upside down.",
    "Rotate the image by 180 degrees.",
    "Show the scene upside down.",
    "Turn the picture the other way up.",
    "Rotate the photo by half a turn.",
)


def outpaint_instructions(side: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to continue a scene on one side, 'left', 'right', 'top' or 'bottom', or on 'all' sides."""
    templates = _OUTPAINT_SIDE if side in _SIDE_PHRASES else _OUTPAINT
    return draw_templates(templates, rng, where=_SIDE_PHRASES.get(side, ""))


def rotation_instructions(angle: float, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to rotate the view by an angle in degrees, positive for clockwise."""
    if abs(angle) == 180:
        return draw_templates(_UPSIDE_DOWN, rng)
    direction = "clockwise" if angle > 0 else "counterclockwise"
    return draw_templates(_TURN, rng, degrees=f"{abs(angle):g}", direction=direction)
