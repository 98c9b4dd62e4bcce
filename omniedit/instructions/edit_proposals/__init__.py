"""Edits that a vision-language model proposes: its prompts, its replies, their checks, paraphrases and quotas."""
