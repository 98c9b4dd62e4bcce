"""LoRA adapters of the judge `vlm`, as peft saves them and as older releases of transformers named their layers."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from scoring.vlm_judges.test_local import OPTIONS, SHORT, example

from benchmarks.random_vlms import MODELS, make_qwen3, make_qwen25
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.models.weights import ADAPTER_WEIGHTS
from omniedit.scoring import load_judge
from omniedit.scoring.vlm_judges.adapter import merge_adapter
from omniedit.scoring.vlm_judges.images import ImageEncoder
from omniedit.scoring.vlm_judges.local import LocalJudge, load_model
from omniedit.scoring.vlm_judges.readout import TokenReader

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LANGUAGE = rf".*language_model.*\.({'|'.join(LAYERS)})"


def make_adapter(base: Path, folder: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    """Save an adapter of the language model that changes it, and return the weights that it stands for."""
    torch.manual_seed(seed)
    network = get_peft_model(load_model(base), LoraConfig(r=4, lora_alpha=8, target_modules=LANGUAGE))
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    return network.merge_and_unload().state_dict()


@pytest.fixture(scope="module", params=MODELS)
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    torch.set_num_threads(1)
    base, adapter = MODELS[request.param](tmp_path_factory.mktemp("base")), tmp_path_factory.mktemp("adapter")
    make_adapter(base, adapter)
    return base, adapter


def test_an_adapter_is_merged_into_the_weights(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, _ = folders
    expected = make_adapter(base, tmp_path, seed=1)
    plain, merged = load_model(base), load_model(base, str(tmp_path))
    assert type(merged) is type(plain) and not any(p.requires_grad for p in merged.parameters())
    assert merged.state_dict().keys() == plain.state_dict().keys()
    for name, weight in merged.state_dict().items():
        torch.testing.assert_close(weight, expected[name], msg=name)
    changed = [name for name, weight in plain.state_dict().items() if not torch.equal(weight, expected[name])]
    assert len(changed) == 2 * 7 and all("language_model" in name for name in changed)


def test_the_judge_scores_with_its_adapter_and_names_it(folders: tuple[Path, Path]) -> None:
    base, adapter = folders
    with_adapter = OPTIONS.model_copy(update={"adapter": str(adapter)})
    scoring = ScoringConfig(readout="tokens", vlm=with_adapter)
    judge = load_judge("vlm", base, scoring)
    assert isinstance(judge, LocalJudge) and judge.version == f"{base.name} + {adapter.name}"
    outputs = [probabilities(LocalJudge.load(base, SHORT, options)) for options in (OPTIONS, with_adapter)]
    assert (outputs[0] - outputs[1]).abs().max() > 1e-3


def probabilities(judge: LocalJudge) -> torch.Tensor:
    (reader,), (question,), target = judge._readers[""], judge.rubric.questions, example(0)
    assert isinstance(reader, TokenReader)
    (shown,) = judge.prepare_images([target])
    images = ImageEncoder(judge.model)([[shown[name] for name in question.images]])
    return reader.probabilities([judge.prompt(question, target, shown)], images)


def test_layer_names_of_older_releases_are_found(tmp_path: Path) -> None:
    """Check names from before transformers 4.52, in which the language model of Qwen2.5-VL was `model`."""
    base = make_qwen25(tmp_path / "base")
    expected = make_adapter(base, tmp_path / "adapter")
    weights = load_file(tmp_path / "adapter" / ADAPTER_WEIGHTS)
    renamed = {name.replace("model.model.language_model.", "model.model."): value for name, value in weights.items()}
    assert renamed.keys() != weights.keys()
    save_file(renamed, tmp_path / "adapter" / ADAPTER_WEIGHTS)
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text()) | {"target_modules": LAYERS}
    (tmp_path / "adapter/adapter_config.json").write_text(json.dumps(config))
    merged = load_model(base, str(tmp_path / "adapter")).state_dict()
    for name, weight in merged.items():
        torch.testing.assert_close(weight, expected[name], msg=name)


def test_an_adapter_of_another_model_is_an_error(tmp_path: Path) -> None:
    make_adapter(make_qwen3(tmp_path / "qwen3"), tmp_path / "adapter")
    with pytest.raises(UserError, match="belongs to a Qwen3VLForConditionalGeneration, not to a Qwen2_5_VL"):
        load_model(make_qwen25(tmp_path / "qwen25"), str(tmp_path / "adapter"))


def test_weights_without_a_layer_in_the_model_are_an_error(tmp_path: Path) -> None:
    base = make_qwen25(tmp_path / "base")
    make_adapter(base, tmp_path / "adapter")
    weights = load_file(tmp_path / "adapter" / ADAPTER_WEIGHTS)
    save_file(
        {name.replace("layers.1", "layers.7"): each for name, each in weights.items()},
        tmp_path / "adapter" / ADAPTER_WEIGHTS,
    )
    with pytest.raises(UserError, match=r"has no weights for .*layers\.1\..*name the adapter's base model"):
        load_model(base, str(tmp_path / "adapter"))


def test_folders_without_a_safetensors_adapter_are_rejected(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    with pytest.raises(UserError, match=r"no adapter_config\.json"):
        merge_adapter(model, str(tmp_path))
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    with pytest.raises(UserError, match="the type IA3; only LORA"):
        merge_adapter(model, str(tmp_path))
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4}')
    (tmp_path / "adapter_model.bin").write_bytes(b"a pickle")
    with pytest.raises(UserError, match=r"no adapter_model\.safetensors; other formats can contain code"):
        merge_adapter(model, str(tmp_path))
    (tmp_path / ADAPTER_WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(UserError, match="not an adapter of a Linear"):
        merge_adapter(model, str(tmp_path))
    with pytest.raises(UserError, match="no role 'elsewhere'"):
        merge_adapter(model, "elsewhere")
