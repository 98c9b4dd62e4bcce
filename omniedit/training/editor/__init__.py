"""Data of editor training: batches of pairs, latents encoded in advance, sample edits."""
