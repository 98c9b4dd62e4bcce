"""Training of editors, bases and the inpainting specialist: objective, batches, DeepSpeed engine, checkpoints, EMA."""

import omniedit.models  # noqa: F401 (selects DeepSpeed's accelerator before anything imports DeepSpeed)
