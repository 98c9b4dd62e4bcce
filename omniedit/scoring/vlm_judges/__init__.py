"""Judges that are vision-language models, behind an endpoint, in transformers or in vLLM; readout of their scores."""
