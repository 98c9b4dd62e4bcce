"""Instructions that change the look of an image: style, weather and light, an object's colour, or the background."""

from collections.abc import Sequence

import numpy as np

from omniedit.instructions.grammar import join_names
from omniedit.instructions.templates.draw import draw_templates

_STYLE = (
    "Redraw this photo as {style}.",
    "Turn this photo into {style}.",
    "Make this picture look like {style}.",
    "Render the image as {style}.",
    "Convert the photo into {style}.",
    "Transform this image into {style}.",
    "I would like this photo as {style}.",
    "Restyle the whole picture as {style}.",
)

_ENVIRONMENT = {
    "night": (
        "Make it night.",
        "Turn this into a night scene.",
        "Change the time of day to night.",
        "Make it look as if the photo was taken at night.",
        "Let night fall over the scene.",
    ),
    "dusk": (
        "Change the time of day to dusk.",
        "Show the scene at twilight.",
        "Make it blue hour, just after sunset.",
        "Relight the scene with the blue light of dusk.",
        "Turn the daylight into evening twilight.",
    ),
    "golden_hour": (
        "Bathe the scene in the warm light of golden hour.",
        "Change the lighting to golden hour.",
        "Make it look like late afternoon, with a low, warm sun.",
        "Relight the photo with golden evening sunlight.",
        "Make the light warm and golden, as it is just before sunset.",
    ),
    "overcast": (
        "Make the weather dull and cloudy.",
        "Replace the sunshine with flat, grey light.",
        "Make it a grey, overcast day.",
        "Make the light dull and grey.",
    ),
    "fog": (
        "Cover the scene in fog.",
        "Make it a foggy morning.",
        "Make the weather foggy.",
        "Let dense mist drift through the scene.",
        "Add thick fog.",
    ),
    "rain": (
        "Make it rain.",
        "Change the weather to rain.",
        "Turn this into a rainy day.",
        "Show the scene in heavy rain.",
        "Add pouring rain and dull light.",
    ),
    "snow": (
        "Make it snow.",
        "Let it snow heavily.",
        "Change the weather to snow.",
        "Show the same scene while it is snowing.",
    ),
    "autumn": (
        "Change the season to autumn.",
        "Give the greenery autumn colours.",
        "Make it autumn, with the plants in gold and russet.",
        "Show the same scene in the fall.",
        "Give the plants the colours of late October.",
    ),
}

_WITH_SKY = {
    "night": ("Show the same scene after dark, under the stars.", "Make it night, with stars in the sky."),
    "dusk": ("Make it dusk, with the last light along the horizon.",),
    "overcast": ("Make the sky overcast.", "Cover the whole sky with grey clouds."),
    "fog": ("Add thick fog that hides everything in the distance.",),
    "rain": ("Make it rain under a grey sky.",),
}

_WITH_GROUND = {
    "snow": (
        "Cover the ground with snow and add falling snowflakes.",
        "Turn this into a snowy winter day.",
        "Show the same scene in winter, with snow falling.",
    )
}

_COLOUR = (
    "Turn the {object} {colour}.",
    "Make the {object} {colour}.",
    "Change the colour of the {object} to {colour}.",
    "Paint the {object} {colour}.",
    "Recolour the {object} in {colour}.",
    "I want the {object} to be {colour}.",
)

_MATERIAL = (
    "Make the {object} look like {material}.",
    "Change the material of the {object} to {material}.",
    "Turn the {object} into {material}.",
    "Show the {object} as if made of {material}.",
    "Replace the surface of the {object} with {material}.",
)

_SURFACE = (
    "Put {kept} on {background}.",
    "Change the surface under {kept} to {background}.",
    "Place {kept} on {background} instead.",
    "Swap the surface under {kept} for {background}.",
    "Show {kept} on {background}.",
)

_SKY = (
    "Replace the sky with {background}.",
    "Change the sky to {background}.",
    "Swap the sky for {background}.",
    "Put {background} over the landscape.",
    "Keep the landscape, but give it {background}.",
)

_BACKGROUND = (
    "Change the background to {background}.",
    "Replace the background behind {kept} with {background}.",
    "Put {kept} in front of {background}.",
    "Swap the background for {background}.",
    "Place {kept} against {background}.",
    "Keep {kept}, but change the background to {background}.",
)


def style_instructions(style: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a style, named with its article: 'a pencil sketch'."""
    return draw_templates(_STYLE, rng, style=style)


def environment_instructions(environment: str, rng: np.random.Generator, *, sky: bool, ground: bool) -> tuple[str, ...]:
    """Return instructions for one of the environments: 'night', 'golden_hour', ...

    Args:
        sky, ground: whether sky and open ground are visible, so that an instruction may mention them.
    """
    more = (_WITH_SKY.get(environment, ()) if sky else ()) + (_WITH_GROUND.get(environment, ()) if ground else ())
    return draw_templates(_ENVIRONMENT[environment] + more, rng)


def colour_instructions(name: str, colour: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for an object's new colour, 'blue'; the name may include the old one: 'red bowl'."""
    return draw_templates(_COLOUR, rng, object=name, colour=colour)


def material_instructions(name: str, material: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for an object's new material: 'bowl', 'white marble'."""
    return draw_templates(_MATERIAL, rng, object=name, material=material)


def background_instructions(kept: Sequence[str], background: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a new background, named with its article, behind the objects that stay."""
    return _of_kept(_BACKGROUND, kept, background, rng)


def surface_instructions(kept: Sequence[str], surface: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a new surface, named with its article, under the objects that stay."""
    return _of_kept(_SURFACE, kept, surface, rng)


def sky_instructions(sky: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a new sky, named with its article."""
    return draw_templates(_SKY, rng, background=sky)


def _of_kept(
    templates: Sequence[str], kept: Sequence[str], background: str, rng: np.random.Generator
) -> tuple[str, ...]:
    objects = join_names([f"the {name}" for name in kept])
    return draw_templates(templates, rng, kept=objects, background=background)
