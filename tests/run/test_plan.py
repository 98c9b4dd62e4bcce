"""Tests for plans: they follow from the config, and a config that cannot be planned gives an error."""

import json
from pathlib import Path

import pytest
import torch

from omniedit.cli import main as cli
from omniedit.config.fitting import LoraConfig
from omniedit.config.loading import load
from omniedit.config.schema import Config, TrainConfig
from omniedit.errors import UserError
from omniedit.models.bases.sizes import FLUX_DEV
from omniedit.models.cost import SD3_MEDIUM, Cost, count_quantisable, count_weights
from omniedit.models.editnet import EditNet
from omniedit.models.factory import create
from omniedit.models.lora import add_adapters
from omniedit.models.memory import state_memory
from omniedit.models.shipped import FOLDER
from omniedit.run.base_size import BaseSize, base_size
from omniedit.run.fitting import find_changes, training_memory
from omniedit.run.plan import Machine, plan, sample_count, training_cost

PAPER = Path(__file__).parents[2] / "config/paper.yaml"
EIGHT = Machine("h100", 8, 0.45)


def test_paper_config_takes_the_time_of_its_flops() -> None:
    """Check that 2.4 million samples of 89 TFLOP at 45 % of 989 TFLOP/s take 133 GPU-hours."""
    lines = plan(load(PAPER), EIGHT, pairs=1_200_000)
    assert "2,400,000 samples in all; 8 x h100 at 45% of 989 TFLOP/s" in lines[0]
    (row,) = [line.split() for line in lines if line.startswith("editnet")]
    assert row[1:6] == ["4.148", "B", "2.120", "B", "89.1"]
    assert float(row[-1]) == pytest.approx(2.4e6 * 89.06 / (0.45 * 989) / 3600, rel=0.01)


def test_micro_batches_and_bfloat16_reduce_planned_memory() -> None:
    def memory(**options: object) -> float:
        config = Config.model_validate({"train": {"batch_size": 64, "steps": 1} | options})
        (row,) = [line.split() for line in plan(config, Machine("h100", 1, 0.45)) if line.startswith("editnet")]
        return float(row[6])

    whole = memory()
    assert memory(accumulate=8) < 0.5 * whole and memory(dtype="bfloat16") < 0.8 * whole


def test_plan_has_a_row_for_each_editor() -> None:
    config = Config.model_validate({"train": {"ablations": ["controlnet", "channel_concat"], "steps": 10}})
    lines = plan(config, Machine("a100", 2, 0.4))
    assert [line.split()[0] for line in lines[3:6]] == ["editnet", "controlnet", "channel_concat"]
    assert "160 samples in all" in lines[0]


def plan_rows(training: dict) -> tuple[list[str], list[str]]:
    """Return EditNet's row in a plan, and the lines below the table."""
    lines = plan(Config.model_validate({"train": {"steps": 10} | training}), Machine("h100", 1, 0.45))
    (row,) = [line for line in lines if line.startswith("editnet")]
    return row.split(), lines[lines.index(row) + 1 :]


def test_shipped_base_is_planned_at_its_own_size() -> None:
    net = EditNet.from_config(json.loads((FOLDER / "transformer/config.json").read_text()))
    row, below = plan_rows({"base": {"model": "shipped"}, "resolution": 128})
    assert float(row[1]) == round(sum(p.numel() for p in net.parameters()) / 1e9, 3)
    assert below[-1] == "Base: the small shipped one."
    assert row[1:6] != plan_rows({"base": {"layers": 8, "heads": 8}, "resolution": 128})[0][1:6]


def registry(folder: Path, repository: str, kind: str = "StableDiffusion3Pipeline") -> None:
    (folder / "config").mkdir(exist_ok=True)
    entry = {"repository": repository, "revision": "0" * 40, "class": kind, "licence": "none", "gated": False}
    (folder / "config/models.yaml").write_text(json.dumps({"mine": entry | {"dtype": "float16", "memory_gb": 1}}))


def parameters(size: BaseSize) -> int:
    """Count the parameters of EditNet over a base, as a plan does."""
    with torch.device("meta"):
        return sum(p.numel() for p in EditNet(size.config).parameters())


def test_base_size_comes_from_the_fetched_model_or_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    training = {"base": {"model": "mine"}, "dtype": "bfloat16"}
    options = TrainConfig.model_validate(training)
    registry(tmp_path, "stabilityai/stable-diffusion-3.5-large")
    size = base_size(options)
    assert parameters(size) > 2 * 8.0e9 and size.source.endswith(
        "3.5-large, which is not fetched; its published size is used"
    )
    registry(tmp_path, "someone/else")
    size = base_size(options)
    assert round(parameters(size) / 1e9, 3) == 4.148
    assert size.source.endswith("which is not fetched; its size is unknown, SD3-Medium is assumed")
    config = {"_class_name": "SD3Transformer2DModel"} | SD3_MEDIUM | {"num_layers": 2}
    (tmp_path / "snapshot/transformer").mkdir(parents=True)
    (tmp_path / "snapshot/transformer/config.json").write_text(json.dumps(config))
    record = {"repository": "someone/else", "revision": "0" * 40, "folder": str(tmp_path / "snapshot"), "files": {}}
    (tmp_path / "models").mkdir()
    (tmp_path / "models/mine.json").write_text(json.dumps(record))
    row, below = plan_rows(training)
    assert float(row[1]) < 0.5 and below[-1] == "Base: someone/else, as fetched."


def test_base_of_another_pipeline_is_planned_by_its_published_or_fetched_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = TrainConfig.model_validate({"base": {"model": "mine"}})
    registry(tmp_path, "black-forest-labs/FLUX.1-dev", "FluxPipeline")
    size = base_size(options)
    assert size.text_tokens == 512 and size.config["_class_name"] == "FluxTransformer2DModel"
    registry(tmp_path, "someone/else", "ZImagePipeline")
    with pytest.raises(UserError, match="someone/else is not fetched and its size is unknown; fetch it first"):
        base_size(options)
    small = {"_class_name": "ZImageTransformer2DModel", "dim": 32, "n_layers": 2, "n_heads": 2, "n_kv_heads": 2}
    small |= {"cap_feat_dim": 24, "axes_dims": [4, 6, 6], "axes_lens": [600, 64, 64]}
    (tmp_path / "snapshot/transformer").mkdir(parents=True)
    (tmp_path / "snapshot/transformer/config.json").write_text(json.dumps(small))
    record = {"repository": "someone/else", "revision": "0" * 40, "folder": str(tmp_path / "snapshot"), "files": {}}
    (tmp_path / "models").mkdir()
    (tmp_path / "models/mine.json").write_text(json.dumps(record))
    size = base_size(options)
    assert 100_000 < parameters(size) < 500_000 and size.text_tokens == 256
    assert size.source == "someone/else, as fetched"


def test_role_other_than_a_base_is_rejected_by_plan_and_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    registry(tmp_path, "someone/else", "FluxFillPipeline")
    with pytest.raises(
        UserError, match=r"train\.base\.model: the role mine is a FluxFillPipeline, but an editor needs"
    ):
        plan_rows({"base": {"model": "mine"}})
    (tmp_path / "my.yaml").write_text("train: {base: {model: nobody}}")
    (tmp_path / "judge.yaml").write_text("scoring: {judge: vlm, vlm: {model: nobody}}")
    for words in (["check", "my.yaml"], ["check", "judge.yaml"], ["plan", "--config", "judge.yaml", "--gpus", "1"]):
        monkeypatch.setattr("sys.argv", ["omniedit", *words])
        with pytest.raises(SystemExit):
            cli.main()
        assert "config/models.yaml: no role 'nobody'; the roles are: mine" in capsys.readouterr().err


def test_activation_checkpointing_plans_less_memory_and_more_time() -> None:
    kept, some, none = (
        plan_rows({"checkpoint_activations": which, "batch_size": 64, "resolution": 256, "base": {"layers": 8}})[0]
        for which in ("none", "selective", "all")
    )
    memory, speed = ([float(row[place].replace(",", "")) for row in (kept, some, none)] for place in (6, -2))
    assert memory[0] > 1.5 * memory[1] > 1.5 * memory[2] > 0
    cost = training_cost("editnet", TrainConfig(resolution=256, base={"layers": 8}), base_size(TrainConfig()))
    assert kept[5] == none[5]
    assert speed[0] / speed[2] == pytest.approx(1 + cost.forward_flops / cost.step_flops, rel=0.02)
    assert speed[0] / speed[1] == pytest.approx(1 + cost.forward_flops / cost.step_flops / 2, rel=0.02)


def test_unplannable_config_raises_error() -> None:
    with pytest.raises(UserError, match="give it with --pairs"):
        sample_count(load(PAPER).train, None)
    with pytest.raises(UserError, match=r"train\.batch_size: 16 cannot be shared by 5 GPUs"):
        plan(Config(), Machine("h100", 5, 0.45))
    large = {"train": {"base": {"model": "shipped"}, "resolution": 512}}
    with pytest.raises(UserError, match=r"^train\.resolution: 512: .* the base takes at most 512;"):
        plan(Config.model_validate(large), Machine("h100", 1, 0.45))
    with pytest.raises(UserError, match=r"train\.batch_size: 16 cannot be shared by 4 GPUs in 8 parts; give --gpus 2"):
        plan(Config.model_validate({"train": {"accumulate": 8}}), Machine("h100", 4, 0.45))


def fit(gigabytes: float) -> tuple[list[float], str]:
    """Return the parts of EditNet's memory in a plan, and whether it fits."""
    given = {"train": {"steps": 10, "batch_size": 8, "resolution": 64, "base": {"layers": 2}}}
    lines = plan(Config.model_validate(given), Machine("h100", 1, 0.45, gigabytes))
    row, verdict = [line for line in lines if line.startswith("  editnet")]
    return list(map(float, row.split()[1:])), verdict.removeprefix("  editnet: ")


def test_plan_states_what_fits_and_the_first_change_that_would_fit() -> None:
    config = Config.model_validate({"train": {"batch_size": 8, "resolution": 64, "base": {"layers": 2}}}).train
    size = base_size(config)
    total = training_memory(training_cost("editnet", config, size), config, size, 1).total / 1e9
    parts, verdict = fit(1.2 * total)
    assert sum(parts[:6]) == pytest.approx(parts[6], abs=0.4) and verdict.startswith("fits; ")
    assert fit(total)[1].startswith("does not fit; it does with train.dtype: bfloat16 (")
    found = find_changes(config, size, 1, 0.4e9 * total)
    assert found is not None and found[1].total <= 0.4e9 * total and len(found[0]) > 1
    assert "train.encode_once: true" not in found[0], "a small base has no large encoders"
    assert find_changes(config, size, 1, 1000) is None
    assert find_changes(config.model_copy(update={"model": "channel_concat"}), size, 1, 1000) is None


def test_flux_trains_on_80_gb_with_adapters_but_not_whole() -> None:
    """Check FLUX.1's published size: 11.9 billion weights of 2 bytes, and as much for the control blocks' copies."""
    options = TrainConfig(dtype="bfloat16", optimizer="adamw8bit")
    with torch.device("meta"):
        net = create("editnet", FLUX_DEV)
        whole = state_memory(Cost(*count_weights(net), 0, 0, 0), options, None, 2, 1)
        add_adapters(net, LoraConfig(rank=64), seed=0)
    assert sum(p.numel() for p in net.base.parameters() if not p.requires_grad) == 11_901_408_320
    adapted = Cost(*count_weights(net), 0, 0, 0, count_quantisable(net))
    exact, small = (state_memory(adapted, options, quantize, 2, 1) for quantize in (None, "nf4"))
    assert whole.total > 200e9 and 50e9 < exact.total < 73e9 and small.total < exact.total - 25e9
