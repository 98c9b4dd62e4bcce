"""Typical sizes of objects, accurate enough to keep a fig from replacing a drum."""

from collections.abc import Mapping

_NAMES_BY_METRES: Mapping[float, str] = {
    0.03: "acorn ant bee beetle coin fly grape insect ladybug nut ring spider",
    0.07: (
        "apricot butterfly crab dandelion dragonfly egg fig grasshopper key lemon lighter lime mouse plum "
        "strawberry tomato"
    ),
    0.12: "apple ball candle cup cupcake donut flower glasses mug mushroom orange peach pear phone rose snail",
    0.2: "banana bird book camera clock frog glass goblet hat mitten sandwich shoe squirrel sunglasses teapot toy",
    0.3: (
        "bottle bowl brush burger cake crayfish duck fish grinder hammer jar keyboard lamp lizard lobster "
        "paintbrush pan plate pot turtle vase"
    ),
    0.5: (
        "backpack badger bag basket beaver bucket cat chicken computer handbag hare koala lantern laptop lynx "
        "monitor otter pillow porcupine rabbit umbrella"
    ),
    0.8: "armchair beanbag chair dog drum fox goat guitar monkey penguin stool suitcase television",
    1.2: (
        "bench bicycle boar cheetah child desk hyena jaguar kangaroo kite leopard llama panda pig scooter sheep "
        "snake sofa speaker table wolf"
    ),
    2.0: (
        "bear bed bison bull camel cow crocodile deer door horse lion man motorcycle ox person scarecrow shrub "
        "statue tiger tractor wardrobe woman zebra"
    ),
    4.0: "boat canoe car elephant giraffe hut rhinoceros tent van",
    10.0: "airplane bus fir house lighthouse pine plane rocket ship tower train tree truck",
}
"""Typical longest side in metres -> the last word of the names of objects of this size."""

_METRES = {name: metres for metres, names in _NAMES_BY_METRES.items() for name in names.split()}
_COMPOUNDS = {"bean bag": 0.8, "guinea pig": 0.2, "red panda": 0.5, "sea lion": 2.0, "teddy bear": 0.4, "toy car": 0.1}
"""Sizes in metres of compound names whose last word names another object."""


def relative_size(new: str, old: str) -> float | None:
    """Return the new object's size divided by the old one's, or None unless both sizes are known."""
    sizes = [_COMPOUNDS.get(" ".join(name.split()[-2:]), _METRES.get(name.split()[-1])) for name in (new, old)]
    return None if sizes[0] is None or sizes[1] is None else sizes[0] / sizes[1]
