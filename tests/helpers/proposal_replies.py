"""Endpoint that answers prompts about the nine sample photos as a model would.

Its descriptions of the photos are written by hand, its choices come from the options in the prompt, and it makes
mistakes that models make.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from helpers.vlm_server import Behaviour, Handler, completion
from omniedit.imaging.images import Image, decode_image
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.tasks import OMNIEDIT_TASKS, Task
from omniedit.vlm import PromptImage

THINGS: dict[str, list[tuple[str, str]]] = {
    "dandelion": [("dandelion", "large dandelion clock in front"), ("dandelion", "small blurred dandelion behind")],
    "fig_in_bowl": [("fig", "half a fig"), ("bowl", "red wooden bowl")],
    "forest_stream": [],
    "mountain_meadow": [("fir tree", "dark fir tree on the right")],
    "paint_brushes": [
        ("brush", "wide blue brush on the left"),
        ("brush", "pink brush in the middle"),
        ("brush", "slim natural brush on the right"),
    ],
    "rocky_path": [("rock", "pale rock beside the path")],
    "sunrise_hill": [("table", "round stone table")],
    "two_dogs": [("dog", "upper dog with its tongue out"), ("dog", "lower dog at the railing")],
    "wine_and_drum": [
        ("drum", "wooden drum"),
        ("bean bag", "beige bean bag"),
        ("wine bottle", "dark wine bottle"),
        ("coffee grinder", "coffee grinder on the table"),
    ],
}
BEHIND = {
    "dandelion": "dark green grass, out of focus",
    "fig_in_bowl": "grey concrete in hard sunlight",
    "mountain_meadow": "russet shrubs at the edge of a wood",
    "paint_brushes": "a brown wooden wall in shade",
    "rocky_path": "short dry grass",
    "sunrise_hill": "mossy ground with patches of frost",
    "two_dogs": "grey weathered boards",
    "wine_and_drum": "an orange floor in warm light",
}
PLACES = {
    "dandelion": "among the blades of grass",
    "fig_in_bowl": "on the grey concrete",
    "mountain_meadow": "beside the autumn wood",
    "paint_brushes": "in front of the wooden wall",
    "rocky_path": "on the mountain pasture",
    "sunrise_hill": "on the hilltop",
    "two_dogs": "in the open window",
    "wine_and_drum": "in the middle of the room",
}
INSTEAD = {
    "dandelion": "a tall purple thistle",
    "fig": "a peeled orange",
    "bowl": "a white china plate",
    "fir tree": "a small wooden hut",
    "brush": "a yellow pencil with a worn tip",
    "rock": "a grazing sheep",
    "table": "a wooden bench with iron feet",
    "dog": "a ginger cat with white paws",
    "drum": "a copper kettle",
    "bean bag": "a leather armchair",
    "wine bottle": "a brass lamp",
    "coffee grinder": "a stack of old books",
}
SCENES = (
    "a sandy beach at low tide",
    "a snowy mountain pass",
    "a city street at rush hour",
    "a library with tall shelves",
)
VALUES = {
    "colour": "blue",
    "material": "glass",
    "texture": "rough",
    "pattern": "striped",
    "age": "ancient",
    "wetness": "dripping",
    "shininess": "glossy",
    "transparency": "translucent",
    "cleanliness": "dusty",
    "ripeness": "overripe",
    "expression": "smiling",
    "hair": "curly",
    "clothing": "knitted",
}
TOLD_ALIKE = [{"name": "dog", "expression": "brown dog"}, {"name": "dog", "expression": "brown dog"}]


def answering(photos: Mapping[str, Image]) -> Behaviour:
    """Return the behaviour of a model that recognises these photos by the digest of the sent image."""
    names = {PromptImage(image).digest: name for name, image in photos.items()}

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        parts = body["messages"][0]["content"]
        said = [part["text"] for part in parts if part["type"] == "text"]
        again = text("again") in said[-1]
        if said[0] == text("wordings"):
            handler.answer(completion(json.dumps(instructions(said[1]))))
            return
        (encoded,) = [part["image_url"]["url"].partition(",")[2] for part in parts if part["type"] == "image_url"]
        name = names[PromptImage(decode_image(b64decode(encoded))).digest]
        if said[0] == text("objects"):
            handler.answer(completion(json.dumps({"objects": things(name, again)})))
        elif name == "rocky_path" and not again:
            handler.answer(completion(json.dumps(edits(name, said[1]))[:200], "length"))
        else:
            handler.answer(completion(f"```json\n{json.dumps(edits(name, said[1]))}\n```"))

    return behave


def things(name: str, again: bool) -> list[dict[str, str]]:
    """Return the objects of a photo. The two dogs get the same description, except in the second attempt."""
    if name == "two_dogs" and not again:
        return TOLD_ALIKE
    return [{"name": kind, "expression": expression} for kind, expression in THINGS[name]]


def edits(name: str, prompt: str) -> dict[str, list[dict[str, Any]]]:
    """Return two edits of each task, fewer if the photo has fewer objects.

    One removal is wrong on purpose: its background still contains the object.
    """
    choices = dict(re.findall(r"^([\w ]+) to choose from: (.*)$", prompt, re.MULTILINE))
    attributes, environments, styles = (choices[kind].split("; ") for kind in ("attributes", "environments", "styles"))
    seen = THINGS[name][:2]
    behind, place = BEHIND.get(name, ""), PLACES.get(name, "")
    proposed: dict[str, list[dict[str, Any]]] = {task: [] for task in OMNIEDIT_TASKS}
    for number, (kind, expression) in enumerate(seen):
        about = {"object": expression}
        caption = behind if (name, number) != ("wine_and_drum", 1) else f"{behind} and a bean bag"
        scene, attribute = SCENES[(len(name) + number) % len(SCENES)], attributes[number]
        value = VALUES[attribute]
        proposed[Task.OBJECT_SWAP].append(
            about | {"new_object": INSTEAD[kind], "instruction": f"Replace the {expression} with {INSTEAD[kind]}."}
        )
        proposed[Task.OBJECT_REMOVAL].append(
            about | {"every": False, "background": caption, "instruction": f"Remove the {expression}."}
        )
        proposed[Task.OBJECT_ADDITION].append(
            about | {"place": place, "background": behind, "instruction": f"Add a {kind} {place}."}
        )
        proposed[Task.ATTRIBUTE_MODIFICATION].append(
            about
            | {"attribute": attribute, "value": value, "source_prompt": f"a {kind}, {behind}"}
            | {"target_prompt": f"a {value} {kind}, {behind}", "instruction": f"Make the {expression} {value}."}
        )
        proposed[Task.BACKGROUND_SWAP].append(
            about | {"every": False, "background": scene, "instruction": f"Put the {expression} before {scene}."}
        )
    for environment, style in zip(environments[:2], styles[:2], strict=True):
        caption = f"an outdoor view, {behind or 'a stream that falls over rocks'}"
        proposed[Task.ENVIRONMENT_CHANGE].append(
            {"environment": environment, "object": "", "source_prompt": caption}
            | {"target_prompt": f"{caption}, {environment}", "instruction": f"Make it {environment}."}
        )
        proposed[Task.STYLE_TRANSFER].append({"style": style, "instruction": f"Turn this photo into {style}."})
    return proposed


def instructions(prompt: str) -> dict[str, dict[str, str]]:
    """Return the paraphrases of each numbered edit. The indirect one of an addition fails to name the new object."""
    said = {}
    for line in prompt.splitlines():
        number, task, rest = re.fullmatch(r"(\d+)\. (\w+); (.*)", line).groups()  # type: ignore[union-attr]
        plain = rest.partition("instruction: ")[2].rstrip(".")
        wish = plain[0].lower() + plain[1:]
        said[number] = {
            "short": f"Just {wish}." if task != Task.STYLE_TRANSFER else f"As {plain.partition(' into ')[2]}.",
            "detailed": f"{plain}, and keep light, shadows and all else as they are.",
            "polite": f"Could you please {wish}?",
            "indirect": "There is something missing here."
            if task == Task.OBJECT_ADDITION
            else f"I wish someone would {wish}.",
        }
    return said
