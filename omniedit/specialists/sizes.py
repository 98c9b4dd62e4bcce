"""How large things are: enough to tell that a fig does not stand in for a drum."""

from collections.abc import Mapping

_NAMES_BY_METRES: Mapping[float, str] = {
    0.03: "acorn coin grape ladybug nut ring",
    0.07: "apricot butterfly dandelion egg fig key lemon lime mouse plum strawberry tomato",
    0.12: "apple candle cup cupcake donut glasses mug mushroom orange peach pear phone rose snail",
    0.2: "banana bird book camera clock frog glass goblet hat mitten sandwich shoe squirrel sunglasses teapot toy",
    0.3: "bottle bowl brush burger cake duck grinder hammer jar keyboard lamp paintbrush pan plate pot vase",
    0.5: "backpack bag basket bucket cat chicken computer handbag hare laptop lantern monitor pillow rabbit umbrella",
    0.8: "armchair beanbag chair dog drum fox goat guitar penguin pig sheep stool suitcase television",
    1.2: "bench bicycle child desk motorcycle scooter sofa speaker table",
    2.0: "bear bed bull cow deer door horse lion man person scarecrow shrub statue tiger tractor wardrobe woman zebra",
    4.0: "boat camel car elephant giraffe hut tent van",
    10.0: "bus fir house lighthouse pine plane ship tower train tree truck",
}
"""Typical longest side in metres -> the last word of the names of such things."""

_METRES = {name: metres for metres, names in _NAMES_BY_METRES.items() for name in names.split()}
_COMPOUNDS = {"bean bag": 0.8, "teddy bear": 0.4, "toy car": 0.1}
"""Names whose last word means another thing."""


def relative_size(new: str, old: str) -> float | None:
    """How many times as large the one thing is as the other, None where that is not known of both."""
    sizes = [_COMPOUNDS.get(" ".join(name.split()[-2:]), _METRES.get(name.split()[-1])) for name in (new, old)]
    return None if sizes[0] is None or sizes[1] is None else sizes[0] / sizes[1]
