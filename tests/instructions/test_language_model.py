"""Tests of a local model: found by its role and used like an endpoint; unusable replies are rejected."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.chain import fetched_record
from helpers.tiny_vlm import make_llava
from omniedit.config.schema import LocalModelConfig, ProposalsConfig
from omniedit.errors import UserError
from omniedit.instructions.edit_proposals.proposer import Proposer
from omniedit.instructions.language_model import open_model
from omniedit.models.registry import get_model
from omniedit.sources.photo import Photo
from omniedit.tasks import Task

ENTRY = """proposer:
  repository: org/model
  revision: {revision}
  class: {kind}
  licence: MIT
  gated: false
  dtype: bfloat16
  memory_gb: 1
"""


@pytest.fixture
def proposals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProposalsConfig:
    """Return a config whose local model is stored like a fetched one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "models").mkdir()
    entry = ENTRY.format(revision="a" * 40, kind="LlavaForConditionalGeneration")
    (tmp_path / "config/models.yaml").write_text(entry)
    record = fetched_record(get_model("proposer"), make_llava(tmp_path / "weights"))
    (tmp_path / "models/proposer.json").write_text(json.dumps(record))
    return ProposalsConfig(source="local", per_photo=1, tries=2, local=LocalModelConfig(batch_size=2, max_side=64))


def test_unusable_replies_of_a_local_model_are_rejected(proposals: ProposalsConfig) -> None:
    photos = [Photo(name, np.full((48, 64, 3), 80 + number, np.uint8), "4x3") for number, name in enumerate("ab")]
    with open_model(proposals) as model:
        outcomes = Proposer(model, proposals, (Task.OBJECT_SWAP, Task.STYLE_TRANSFER)).propose(photos)
    rows = [row for _, refused in outcomes for row in refused]
    assert [drafts for drafts, _ in outcomes] == [[], []] and len(list(Path("cache/vlm").rglob("*.json"))) == 8
    recorded = [(row["source_id"], row["stage"], row["task"]) for row in rows]
    assert recorded == [(name, *at) for name in "ab" for at in (("things", None), ("edits", Task.STYLE_TRANSFER))]
    assert all("no JSON object" in row["refused"] and "cut off" in row["refused"] for row in rows)


def test_text_only_model_is_rejected_by_name(proposals: ProposalsConfig) -> None:
    file = Path("config/models.yaml")
    file.write_text(file.read_text().replace("LlavaFor", "LlamaFor"))
    with (
        pytest.raises(UserError, match="proposer: class LlamaForConditionalGeneration takes no images"),
        open_model(proposals),
    ):
        pass


def test_missing_model_error_gives_the_fetch_command(proposals: ProposalsConfig) -> None:
    Path("models/proposer.json").unlink()
    with (
        pytest.raises(UserError, match=r"org/model \(role proposer\) was not fetched; .* snakemake --force"),
        open_model(proposals),
    ):
        pass
