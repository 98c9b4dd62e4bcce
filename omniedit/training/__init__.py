"""What editors are trained to do, on what, and how: objective, batches, DeepSpeed engine, checkpoints, mean weights."""

import omniedit.models  # noqa: F401 (tells DeepSpeed which accelerator to take, before anything imports it)
