"""`omniedit.fitting` under the name by which `omniedit.scoring` knows it."""

from omniedit.fitting import FittingBatches

__all__ = ["FittingBatches"]
