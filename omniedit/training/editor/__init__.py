"""What training an editor needs of pairs: batches, latents encoded in advance, sample edits."""
