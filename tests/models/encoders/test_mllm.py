"""Tests of SmartEdit's encoder with tiny random LLaVA and Qwen2.5-VL: exact start, gradients, image and text matter."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from helpers.tiny_models import SD3, base, inputs
from helpers.tiny_vlm import PATCH, SIDE, make_llava, make_qwen
from omniedit import models
from omniedit.models.encoders.mllm import MllmEditor, MllmEncoder
from omniedit.models.encoders.reader import LORA_ALPHA, LORA_RANK, Reader
from omniedit.vlm.processors import load_processor

KINDS = {"llava": (make_llava, SIDE), "qwen": (make_qwen, 4 * PATCH)}
IMAGES = [np.full((40, 60, 3), value, np.uint8) for value in (30, 200)]
TEXTS = ["Remove the smaller cat.", "Make it night."]


@pytest.fixture(scope="module", params=KINDS)
def encoder(request, tmp_path_factory) -> MllmEncoder:
    make, side = KINDS[request.param]
    folder = make(tmp_path_factory.mktemp(request.param))
    model = AutoModelForImageTextToText.from_pretrained(folder)
    torch.manual_seed(0)
    reader = Reader(model, load_processor(folder), side, image_tokens=3)
    return MllmEncoder(reader, queries=5, width=24, pooled_width=24, channels=16, inner_width=16, layers=2, heads=2)


def test_language_model_is_frozen_but_for_lora_and_the_new_tokens(encoder):
    trained = [name for name, p in encoder.reader.named_parameters() if p.requires_grad]
    assert any(".lora_A." in name for name in trained)
    assert any("trainable_tokens_delta" in name for name in trained)
    assert all(".language_model." in name or "trainable_tokens_delta" in name for name in trained)
    assert not [name for name in trained if "lora" not in name and "trainable_tokens_delta" not in name]
    config = encoder.reader.model.peft_config["default"]
    assert (config.r, config.lora_alpha) == (LORA_RANK, LORA_ALPHA) == (16, 27)


def test_reading_has_a_state_for_each_new_token_and_a_grid_of_features(encoder):
    reading = encoder.reader(**encoder.inputs(IMAGES, TEXTS))
    assert reading.hidden.shape == (2, 3, encoder.reader.width)
    assert reading.features.shape == (2, 4, encoder.reader.width)
    assert reading.grid == (2, 2)


def test_token_loss_is_the_cross_entropy_of_the_new_tokens(encoder):
    x = encoder.inputs(IMAGES[:1], TEXTS[:1])
    logits = encoder.reader.model(**x).logits[0].log_softmax(-1)
    answers = encoder.reader.token_ids
    first = len(x["input_ids"][0]) - len(answers) - 1
    expected = -torch.stack([logits[first + place, token] for place, token in enumerate(answers)]).mean()
    assert torch.allclose(encoder.reader(**x).token_loss, expected[None], atol=1e-4)


@torch.no_grad()
def test_a_samples_embeddings_do_not_depend_on_the_rest_of_its_batch(encoder):
    both = encoder((8, 12), **encoder.inputs(IMAGES, TEXTS))
    alone = encoder((8, 12), **encoder.inputs(IMAGES[:1], TEXTS[:1]))
    assert torch.allclose(both.prompt_embeds[:1], alone.prompt_embeds, atol=1e-4)


@torch.no_grad()
def test_embeddings_depend_on_the_image_and_on_the_instruction(encoder):
    def embeds(image: np.ndarray, text: str) -> torch.Tensor:
        return encoder((8, 12), **encoder.inputs([image], [text])).prompt_embeds

    assert not torch.equal(embeds(IMAGES[0], TEXTS[0]), embeds(IMAGES[1], TEXTS[0]))
    assert not torch.equal(embeds(IMAGES[0], TEXTS[0]), embeds(IMAGES[0], TEXTS[1]))


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_new_interaction_leaves_the_editors_output_as_without_it(encoder, architecture):
    editor, x = models.build(architecture, base(SD3)), inputs()
    given = encoder.inputs(IMAGES, TEXTS)
    with torch.no_grad():
        velocity, _ = MllmEditor(editor, encoder)(x["noisy"], x["timestep"], x["condition"], **given)
        text, pooled = encoder.qformer(encoder.reader(**given).hidden)
        assert torch.equal(velocity, editor(x["noisy"], x["timestep"], text, pooled, x["condition"]))


def test_losses_of_both_stages_reach_every_part(encoder):
    x, given = inputs(), encoder.inputs(IMAGES, TEXTS)
    for layer in (encoder.interaction.to_text, encoder.interaction.to_condition):
        torch.nn.init.normal_(layer.weight, std=0.1)
    editor = models.build("channel_concat", base(SD3))
    with torch.no_grad():
        editor.base.pos_embed.proj.weight += 0.1
        for name, parameter in encoder.reader.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(std=0.1)
    network = MllmEditor(editor, encoder)
    velocity, token_loss = network(x["noisy"], x["timestep"], x["condition"], **given)
    (velocity.square().mean() + token_loss.mean()).backward()
    unreached = {n for n, p in encoder.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    assert unreached == set()
    network.zero_grad()
    loss = encoder.alignment_loss(x["prompt_embeds"], x["pooled"], **given)
    assert loss.shape == (2,)
    loss.mean().backward()
    reached = {name.split(".")[0] for name, p in encoder.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {"reader", "qformer"}
