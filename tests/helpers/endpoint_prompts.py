"""A prompt with an image, and its sending to an endpoint."""

import numpy as np

from helpers.vlm_server import Server
from omniedit.vlm import Endpoint, Prompt, PromptImage, Reply

KEY = "sk-secret"
GOOD = '{"score": [8, 9, 7], "reasoning": "Fine."}'
PIXELS = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
PROMPT = Prompt(("Judge.", PromptImage(PIXELS), "Instruction: make it night"), max_tokens=100)


def send(running: Server, key: str = KEY) -> Reply:
    judge = Endpoint(running.url, "judge", key, timeout_s=5)
    return judge.send(judge.request(PROMPT))
