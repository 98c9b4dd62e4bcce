"""Tests of the section `subjects`: options that contradict each other end the run with the key and the remedy."""

from typing import Any

import pytest

from omniedit.config.loading import check
from omniedit.errors import UserError

ROWS = {"source": "rows", "path": "rows.parquet"}
LORA = {"kind": "lora", "base": "shipped"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({**ROWS, "expert": LORA, "image_column": "url"}, "'url' has two meanings; name another column"),
        ({**ROWS, "expert": LORA, "text_column": "licence"}, "'licence' has two meanings; name another column"),
        ({**ROWS, "expert": {**LORA, "token": "a b"}}, "token: 'a b' is not one word; give one, such as sks"),
        ({"source": "cut_outs", "min_text": 0.3}, "min_text needs text_features, the role of a CLIP"),
        ({"source": "cut_outs", "max_similarity": 0.6}, "max_similarity must be more than min_similarity"),
    ],
)
def test_contradictions_are_errors_with_the_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check({"subjects": options})
