"""Specialists that run pretrained models, as in the paper: inpainting, prompt-to-prompt editing, stylisation."""
