"""Tests of SmartEdit's encoder with tiny random LLaVA and Qwen2.5-VL: exact start, gradients, image and text matter."""

import numpy as np
import pytest
import torch

from helpers.tiny_editor import make_pipeline
from helpers.tiny_models import SD3, base, inputs
from helpers.tiny_vlm import PATCH, SIDE, make_llava, make_qwen
from omniedit import models
from omniedit.errors import UserError
from omniedit.models.encoders.mllm import QUESTION, MllmEditor, MllmEncoder
from omniedit.models.encoders.reader import LORA_ALPHA, LORA_RANK, Reader
from omniedit.models.pipeline import EditPipeline
from omniedit.models.text import MAX_TOKENS, WIDTH

KINDS = {"llava": (make_llava, SIDE), "qwen": (make_qwen, 4 * PATCH)}
IMAGES = [np.full((40, 60, 3), value, np.uint8) for value in (30, 200)]
TEXTS = ["Remove the smaller cat.", "Make it night."]


@pytest.fixture(scope="module", params=KINDS)
def encoder(request, tmp_path_factory) -> MllmEncoder:
    make, side = KINDS[request.param]
    folder = make(tmp_path_factory.mktemp(request.param))
    torch.manual_seed(0)
    reader = Reader.load(str(folder), side, image_tokens=3)
    return MllmEncoder(reader, queries=5, width=24, pooled_width=24, channels=16, inner_width=16, layers=2, heads=2)


def test_only_lora_and_the_new_tokens_of_the_language_model_are_trained(encoder):
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


@torch.no_grad()
def test_reading_has_the_last_states_at_the_new_tokens_and_the_image_features_before_the_first_layer(encoder):
    x = encoder.inputs(IMAGES, TEXTS)
    states = encoder.reader.model(**x, output_hidden_states=True).hidden_states
    answers = torch.isin(x["input_ids"], torch.tensor(encoder.reader.token_ids))
    images = x["input_ids"] == encoder.reader.image_token_id
    reading = encoder.reader(**x)
    assert torch.allclose(reading.hidden.flatten(0, 1), states[-1][answers], atol=1e-5)
    assert torch.allclose(reading.features.flatten(0, 1), states[0][images], atol=1e-5)


def test_token_loss_is_the_cross_entropy_of_the_new_tokens(encoder):
    x = encoder.inputs(IMAGES[:1], TEXTS[:1])
    logits = encoder.reader.model(**x).logits[0].log_softmax(-1)
    answers = encoder.reader.token_ids
    first = len(x["input_ids"][0]) - len(answers) - 1
    expected = -torch.stack([logits[first + place, token] for place, token in enumerate(answers)]).mean()
    assert torch.allclose(encoder.reader(**x).token_loss, expected[None], atol=1e-4)


@torch.no_grad()
def test_a_question_weighs_as_much_as_a_sample(encoder):
    editor, x = models.build("channel_concat", base(SD3)), inputs()
    network, given = MllmEditor(editor, encoder), encoder.inputs(IMAGES, TEXTS)
    questions = encoder.reader.question_inputs(IMAGES[:1], ["What is it?"], ["a cat"])
    arguments = x["noisy"], x["timestep"], x["condition"]
    plain = network(*arguments, **given)[1]
    found = network(*arguments, **given, **{QUESTION + name: value for name, value in questions.items()})[1]
    assert torch.allclose(found, plain + encoder.reader.answer_loss(**questions) / len(IMAGES), rtol=1e-4)


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


@pytest.mark.parametrize("architecture", ["editnet", "controlnet_text", "channel_concat", "sequence_concat"])
def test_an_untrained_interaction_does_not_change_the_output(encoder, architecture):
    editor, x = models.build(architecture, base(SD3)), inputs()
    given = encoder.inputs(IMAGES, TEXTS)
    with torch.no_grad():
        velocity, _ = MllmEditor(editor, encoder)(x["noisy"], x["timestep"], x["condition"], **given)
        text, pooled = encoder.qformer(encoder.reader(**given).hidden)
        assert torch.equal(velocity, editor(x["noisy"], x["timestep"], text, pooled, x["condition"]))


def test_losses_of_both_stages_give_every_part_a_gradient(encoder):
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


def test_a_saved_encoder_gives_the_same_embeddings_without_a_copy_of_the_language_model(encoder, tmp_path):
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    encoder.save_pretrained(tmp_path)
    loaded, given = MllmEncoder.from_pretrained(tmp_path), encoder.inputs(IMAGES, TEXTS)
    with torch.no_grad():
        expected, found = encoder((8, 12), **given), loaded((8, 12), **loaded.inputs(IMAGES, TEXTS))
    assert torch.allclose(found.prompt_embeds, expected.prompt_embeds, atol=1e-5)
    assert torch.allclose(found.residual, expected.residual, atol=1e-5) and found.residual.any()
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "interaction", "qformer", "reader.json"}
    trained, again = ({n for n, p in each.named_parameters() if p.requires_grad} for each in (encoder, loaded))
    assert again == trained, "the second stage trains what the first one saved"
    (tmp_path / "adapter/adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"adapter_model\.safetensors: missing"):
        MllmEncoder.from_pretrained(tmp_path)


def test_an_encoder_without_interaction_is_loaded_although_it_has_no_weights_there(encoder, tmp_path):
    MllmEncoder(encoder.reader, 5, 24, 24, 16, "none", inner_width=16, layers=1, heads=2).save_pretrained(tmp_path)
    encoded = MllmEncoder.from_pretrained(tmp_path)((8, 12), **encoder.inputs(IMAGES, TEXTS))
    assert encoded.residual is None and encoded.prompt_embeds.shape == (2, 5, 24)


def test_alignment_loss_is_the_squared_distance_of_both_embeddings_plus_the_token_loss(encoder):
    given = encoder.inputs(IMAGES, TEXTS)
    with torch.no_grad():
        reading = encoder.reader(**given)
        embeddings, pooled = encoder.qformer(reading.hidden)
        loss = encoder.alignment_loss(embeddings + 0.5, pooled - torch.tensor([[2.0], [3.0]]), **given)
    assert torch.allclose(loss, 0.25 + torch.tensor([4.0, 9.0]) + reading.token_loss, rtol=1e-4)


def test_the_interactions_residual_is_added_to_the_editors_condition(encoder):
    class Recorder(torch.nn.Module):
        def forward(self, noisy, timestep, prompt_embeds, pooled, condition):
            return condition

    torch.nn.init.normal_(encoder.interaction.to_condition.weight)
    x, given = inputs(), encoder.inputs(IMAGES, TEXTS)
    with torch.no_grad():
        seen, _ = MllmEditor(Recorder(), encoder)(x["noisy"], x["timestep"], x["condition"], **given)
        residual = encoder((seen.shape[-2], seen.shape[-1]), **given).residual
    assert residual.any() and torch.equal(seen, x["condition"] + residual)


def test_answer_loss_is_the_cross_entropy_of_the_answer_tokens(encoder):
    inputs = encoder.reader.question_inputs(IMAGES, ["Where?", "Which colour is it?"], ["left", "red"])
    tokenizer = encoder.reader.processor.tokenizer
    with torch.no_grad():
        loss = encoder.reader.answer_loss(**inputs)
        mask = inputs.pop("answer_mask")
        logits = encoder.reader.model(**inputs).logits.log_softmax(-1)
    assert mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], "one token per byte, and the end"
    for row, answer in enumerate(("left", "red")):
        ids = [*tokenizer(answer)["input_ids"], tokenizer.eos_token_id]
        first = inputs["input_ids"].shape[1] - mask.shape[1] - 1
        expected = -torch.stack([logits[row, first + place, token] for place, token in enumerate(ids)]).mean()
        assert torch.allclose(loss[row], expected, atol=1e-4)


def test_a_pipeline_with_an_encoder_reads_each_image_once_per_branch_and_survives_saving(encoder, tmp_path):
    pipeline = make_pipeline()
    net = MllmEncoder(encoder.reader, MAX_TOKENS, WIDTH, WIDTH, channels=16, inner_width=16, layers=1, heads=2)
    pipeline.register_modules(instruction_encoder=net)
    torch.nn.init.normal_(net.interaction.to_condition.weight)
    options = {"num_inference_steps": 3, "guidance_scale": 2.0, "image_guidance_scale": 1.5, "output_type": "np"}

    def edit(editor: EditPipeline, text: str, **changes) -> np.ndarray:
        return editor(IMAGES[1], text, generator=torch.Generator().manual_seed(0), **options | changes).images[0]

    def count_readings(**changes) -> int:
        calls = []
        hook = net.reader.register_forward_hook(lambda *_: calls.append(1))
        edit(pipeline, TEXTS[1], **changes)
        hook.remove()
        return len(calls)

    edited = edit(pipeline, TEXTS[1])
    unguided = {"guidance_scale": 1.0, "image_guidance_scale": 1.0}
    assert count_readings() == 3
    assert count_readings(image_guidance_scale=1.0) == 2
    assert count_readings(**unguided) == 1
    assert count_readings(callback_on_step_end=lambda *_: {}, **unguided) == 3, "a callback may read all embeddings"
    assert edited.shape == (40, 60, 3)
    assert not np.array_equal(edited, edit(pipeline, TEXTS[0]))
    pipeline.save_pretrained(tmp_path)
    loaded = EditPipeline.from_pretrained(tmp_path)
    assert np.allclose(edit(loaded, TEXTS[1]), edited, atol=1e-4)
