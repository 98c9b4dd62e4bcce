"""Instruction encoders beyond plain text encoders: multimodal language models that also see the source image."""
