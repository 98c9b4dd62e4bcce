"""Run a vision-language model on this machine (Qwen2.5-VL, InternVL, LLaVA: any that transformers' chat templates
support)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image as PillowImage

from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.models.processors import remove_special_tokens
from omniedit.plain_text import clean
from omniedit.vlm.cache import Cache
from omniedit.vlm.client import MissingReply
from omniedit.vlm.messages import Prompt, Reply, Usage


class LocalModel:
    """Local counterpart of `Client`: decodes greedily and caches replies.

    Args:
        model: image-text-to-text model of transformers, on its device.
        processor: processor from the same folder, with its chat template.
        version: repository and revision, recorded with each reply.
        batch_size: prompts per batch; halved when the device runs out of memory.
        image_options: arguments of the image processor, such as the size or the number of tiles.
        weights: text that identifies the weights beyond `version`, such as an adapter, for the cache.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        version: str,
        cache: Cache,
        batch_size: int = 8,
        image_options: Mapping[str, Any] | None = None,
        weights: str = "",
    ) -> None:
        self.model, self.processor, self.version = model, processor, version
        self.image_options, self.weights = dict(image_options or {}), weights
        self.cache, self.batches = cache, OomAdaptiveBatcher(batch_size, "prompt")
        self.processor.tokenizer.padding_side = "left"

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply | MissingReply]:
        digests = [self.digest(prompt) for prompt in prompts]
        known = {digest: reply for digest in digests if (reply := self.cache.get(digest))}
        new = {digest: prompt for digest, prompt in zip(digests, prompts, strict=True) if digest not in known}
        # Prompts of a batch have similar lengths: none waits for another's last token, and padding takes little memory.
        waiting = sorted(new, key=lambda digest: _length(new[digest]))

        def answered(together: Sequence[str]) -> list[Reply]:
            replies = self._replies([new[digest] for digest in together])
            for digest, reply in zip(together, replies, strict=True):
                self.cache.put(digest, reply)
            return replies

        known |= zip(waiting, self.batches.map(answered, waiting), strict=True)
        return [known[digest] for digest in digests]

    def digest(self, prompt: Prompt) -> str:
        """Return the digest of version, texts, pixels, reply length, image options and weights."""
        parts = [part if isinstance(part, str) else part.digest for part in prompt.parts]
        more = [more for more in (self.image_options, self.weights) if more]
        return hashlib.sha256(json.dumps([self.version, prompt.max_tokens, parts, *more]).encode()).hexdigest()

    @torch.inference_mode()
    def _replies(self, prompts: Sequence[Prompt]) -> list[Reply]:
        inputs = self.processor.apply_chat_template(
            [self._conversation(prompt) for prompt in prompts],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, **({"images_kwargs": images} if (images := self.image_options) else {})},
        ).to(self.model.device, self.model.dtype)
        max_tokens = max(prompt.max_tokens for prompt in prompts)
        written = self.model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)
        prompt_length = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        rows = zip(prompts, written[:, prompt_length:].tolist(), lengths, strict=True)
        return [self._reply(row[: prompt.max_tokens], length) for prompt, row, length in rows]

    def _reply(self, tokens: list[int], prompt_length: int) -> Reply:
        """Return the reply in generated tokens.

        Args:
            tokens: generated tokens, with the padding of the batch.
            prompt_length: number of tokens of the prompt.
        """
        ends = end_tokens(self.model)
        length = next((index for index, token in enumerate(tokens) if token in ends), len(tokens))
        text = clean(self.processor.tokenizer.decode(tokens[:length], skip_special_tokens=True))
        reason = "stop" if length < len(tokens) else "length"
        return Reply(text, self.version, reason, usage=Usage(1, prompt_length, length))

    def _conversation(self, prompt: Prompt) -> list[dict[str, Any]]:
        """Return a prompt as one user message for a chat template, without special tokens in its texts."""
        content = [
            {"type": "text", "text": remove_special_tokens(self.processor, part)}
            if isinstance(part, str)
            else {"type": "image", "image": PillowImage.fromarray(part.pixels)}
            for part in prompt.parts
        ]
        return [{"role": "user", "content": content}]


def end_tokens(model: Any) -> list[int]:
    """Return the tokens that end a reply of a model."""
    ends = model.generation_config.eos_token_id
    return [ends] if isinstance(ends, int) else list(ends or ())


def _length(prompt: Prompt) -> tuple[int, int]:
    return prompt.max_tokens, sum(len(part) for part in prompt.parts if isinstance(part, str))
