import numpy as np
import pytest

from omniedit.grounding.names import choose_noun, class_logits, name_object
from omniedit.grounding.nouns import plain_nouns
from tests.grounding.test_objects import sample


def view(**shares: float) -> np.ndarray:
    """Return probabilities of ImageNet's classes: the share of a noun is spread over its classes, the rest over all."""
    probabilities = np.zeros(1000)
    for noun, share in shares.items():
        classes = [index for index, name in enumerate(plain_nouns()) if name == noun.replace("_", " ")]
        probabilities[classes] = share / len(classes)
    return probabilities + (1 - probabilities.sum()) / 1000


@pytest.mark.parametrize(
    ("alone", "in_place", "name"),
    [
        (view(dog=0.9), view(dog=0.9), "dog"),
        (view(butterfly=0.26, wool=0.1), view(butterfly=0.9), "butterfly"),
        (view(dog=0.15, car=0.6), view(dog=0.9), "object"),
        (view(dog=0.95), view(ox=0.9), "animal"),
        (view(butterfly=0.4, bee=0.4), view(bee=0.4, ant=0.4), "insect"),
        (view(dog=0.3, drum=0.3), view(tent=0.3), "object"),
        (view(dog=0.3, drum=0.4), view(dog=0.45, ox=0.45), "object"),
        (view(dog=0.3, valley=0.6), view(valley=0.9), None),
        (view(sweatshirt=0.4), view(vestment=0.4), None),
        (view(dust_jacket=0.4), view(menu=0.4), "object"),
        (view(chocolate_syrup=0.8), view(chocolate_syrup=0.8), None),
    ],
    ids=[
        "both views",
        "mostly in place",
        "only in place",
        "kind",
        "narrower kind",
        "neither",
        "kind in one view",
        "a place",
        "a person",
        "a printed page",
        "a liquid",
    ],
)
def test_noun_is_as_specific_as_both_views_justify(alone: np.ndarray, in_place: np.ndarray, name: str | None) -> None:
    named = choose_noun(alone, in_place, in_place)
    assert (named and named.text) == name


def test_noun_that_a_wide_view_does_not_confirm_is_not_used() -> None:
    """A phone case was an electrical switch on grey and in a narrow view, and the things around it said no."""
    narrow, wide = view(electrical_switch=0.6), view(electrical_switch=0.34, mobile_phone=0.3)
    assert (named := choose_noun(narrow, narrow, narrow)) is not None
    assert (other := choose_noun(narrow, narrow, wide)) is not None
    assert (named.text, other.text) == ("electrical switch", "object")
    assert named.probability == pytest.approx(0.6, abs=0.01) and other.probability == 0


def test_classifier_reads_the_sample() -> None:
    """The values are those of the package's PyTorch network in single precision."""
    logits, features = class_logits([sample("two_dogs", 0.5), sample("dandelion", 0.5)])
    assert logits.shape == (2, 1000) and features.shape == (2, 1280)
    assert logits.argmax(axis=1).tolist() == [156, 946]
    assert logits.max(axis=1) == pytest.approx([7.9724, 7.8994], abs=0.01)
    assert features.mean(axis=1) == pytest.approx([0.26051, 0.22516], rel=1e-3)


def test_two_dogs_are_named_dog() -> None:
    image = sample("two_dogs", 0.5)
    mask = np.zeros(image.shape[:2], bool)
    mask[155:315, 165:275] = True
    named = name_object(image, mask)
    assert named is not None and named.text == "dog" and named.probability > 0.7
