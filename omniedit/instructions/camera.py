"""Instructions of AnyEdit's camera edits: extend or turn the view, and move or resize an object in it."""

import numpy as np

from omniedit.instructions.appearance import draw_templates

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
    "Imagine what the scene looks like {where}.",
)

_WHERE = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}

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
    "Turn the picture on its head.",
    "Rotate the photo by half a turn.",
)

_MOVE = (
    "Move the {thing} to the {direction}.",
    "Shift the {thing} to the {direction}.",
    "Put the {thing} further to the {direction}.",
    "Slide the {thing} over to the {direction}.",
    "Place the {thing} more to the {direction}.",
)

_RESIZE = {
    "larger": (
        "Make the {thing} larger.",
        "Enlarge the {thing}.",
        "Increase the size of the {thing}.",
        "Scale the {thing} up.",
        "Show the {thing} bigger than it is.",
    ),
    "smaller": (
        "Make the {thing} smaller.",
        "Shrink the {thing}.",
        "Reduce the size of the {thing}.",
        "Scale the {thing} down.",
        "Show the {thing} smaller than it is.",
    ),
}


def outpaint_instructions(side: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to continue a scene on one side, 'left', 'right', 'top' or 'bottom', or on 'all' sides."""
    templates = _OUTPAINT_SIDE if side in _WHERE else _OUTPAINT
    return tuple(text.format(where=_WHERE.get(side, "")) for text in draw_templates(templates, rng))


def rotation_instructions(angle: float, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to rotate the view by an angle in degrees, positive for clockwise."""
    if abs(angle) == 180:
        return draw_templates(_UPSIDE_DOWN, rng)
    direction = "clockwise" if angle > 0 else "counterclockwise"
    return tuple(text.format(degrees=f"{abs(angle):g}", direction=direction) for text in draw_templates(_TURN, rng))


def movement_instructions(thing: str, direction: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to move an object, a bare noun, to the 'left' or the 'right'."""
    return tuple(text.format(thing=thing, direction=direction) for text in draw_templates(_MOVE, rng))


def resize_instructions(thing: str, size: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to make an object, a bare noun, 'larger' or 'smaller'."""
    return tuple(text.format(thing=thing) for text in draw_templates(_RESIZE[size], rng))
