"""Tests of the provenance schema: it requires little, and its errors name the value and the remedy."""

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.pairs.provenance import OPTIONAL, check_provenance, model_revisions, to_json


def test_only_source_id_is_required() -> None:
    check_provenance({"source_id": "sea"}, "p")
    check_provenance({"source_id": "sea", "my own": [1, {}]}, "p")
    check_provenance({"source_id": "sea", **dict.fromkeys(OPTIONAL)}, "p")


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({}, r"p: provenance\.source_id is missing; give a text \(id of the source photo or row"),
        ({"source_id": ""}, "source_id is missing"),
        ({"source_id": 7}, "source_id is 7; give a text"),
        (
            {"source_id": "s", "seed": "7"},
            r"seed is .7.; give a whole number .*, or leave the key out",
        ),
        ({"source_id": "s", "seed": True}, "seed is True; give a whole number"),
        ({"source_id": "s", "generated": 1}, "generated is 1; give true or false"),
        ({"source_id": "s", "models": "sd3"}, "models is 'sd3'; give a mapping or a list"),
        ({"source_id": "s", "truth": []}, r"truth is \[\]; give a mapping"),
        ({"source_id": "s", "ratio": "5x4"}, "ratio is '5x4'; give one of 1x1, 2x3"),
        ([], r"the provenance is \[\]; give a mapping with source_id"),
    ],
)
def test_invalid_value_is_named(provenance: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_provenance(provenance, "p")


@pytest.mark.parametrize("value", [np.int64(1), np.zeros(2), {1, 2}, {"a": object()}, {("a",): 1}])
def test_value_that_is_not_json_serializable_is_named(value: object) -> None:
    with pytest.raises(UserError, match=r"p: provenance: .*; convert it to texts, numbers, lists and mappings"):
        to_json({"mine": value}, "p: provenance")


def test_models_are_read_as_a_mapping_or_a_list() -> None:
    assert model_revisions({"models": {"sd3": "r1", "sam": None}}) == {"sd3": "r1", "sam": ""}
    assert model_revisions({"models": ["sd3"]}) == {"sd3": ""}
    assert model_revisions({}) == model_revisions({"models": None}) == {}
