"""Proposals of a rehearsal for AnyEdit's 25 types, as a vision-language model could make them."""

from typing import Any

from omniedit.tasks import Task


def propose_types(thing: str) -> dict[Task, dict[str, Any]]:
    """Return a proposal of each type for a photo of an object."""
    found, behind = {"object": thing}, {"background": "grass"}
    removal, car = found | behind, {"new_object": "a red car"}
    edits: dict[str, tuple[str, dict[str, Any]]] = {
        "remove": (f"Remove the {thing}.", removal),
        "counting": (f"Leave one {thing}.", removal | {"kind": thing, "count": 2}),
        "add": (f"Add the {thing}.", removal),
        "replace": (f"Replace the {thing} with a red car.", found | car),
        "color_alter": (f"Make the {thing} blue.", found | {"value": "blue"}),
        "appearance_alter": (f"Make the {thing} striped.", found | {"value": "striped"}),
        "material_change": (f"Make the {thing} of stone.", found | {"value": "stone"}),
        "action_change": (
            f"Make the {thing} fly.",
            found
            | {"action": "flying", "source_prompt": f"a photo of the {thing}"}
            | {"target_prompt": f"a photo of the {thing} flying"},
        ),
        "textual_change": (
            f"Write 'car' on the {thing}.",
            found | {"text": "path", "new_text": "car", "new_object": f"a {thing} that reads 'car'"},
        ),
        "background_change": (f"Put the {thing} in fog.", found | {"background": "fog"}),
        "tone_transfer": ("Make it night.", {"environment": "night"}),
        "style_change": ("Make it a sketch.", {"style": "sketch"}),
        "movement": (f"Move the {thing} up.", removal | {"direction": "up", "distance": 0.1}),
        "resize": (f"Make the {thing} smaller.", removal | {"scale": 0.6}),
        "outpaint": ("Extend the photo on the left.", {"side": "left", "scene": f"the {thing} on grass"}),
        "rotation_change": (f"Turn the {thing} clockwise.", found | {"direction": "clockwise"}),
        "implicit_change": ("Show it after no rain.", {"cause": "no rain", "explicit": "Make the grass red."}),
        "relation": (f"Put the {thing} above the grass.", removal | {"anchor": "grass", "side": "above"}),
        "visual_reference": (f"Replace the {thing} with the object in the reference image.", found | car),
        "material_transfer": (f"Give the {thing} the material in the reference image.", found | {"value": "stone"}),
    }
    guides = {"bbox": "red box", "depth": "depth map", "scribble": "scribble", "segment": "map", "sketch": "sketch"}
    for role, guide in guides.items():
        instruction = f"Replace the {thing} with a red car, following the {guide} in the reference image."
        edits[f"visual_{role}"] = (instruction, removal | car)
    return {Task(name): {"instructions": [instruction]} | fields for name, (instruction, fields) in edits.items()}
