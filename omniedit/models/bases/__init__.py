"""Bases of editors: one adapter per transformer of diffusers, behind which every architecture works.

An adapter knows how its transformer embeds latents and text, runs a block and predicts a velocity. It has no weights.
"""
