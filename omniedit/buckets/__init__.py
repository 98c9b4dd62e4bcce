"""Buckets of kept pairs by aspect ratio: planned, written and sealed as Zarr v3; the batch plan and the loader."""

from omniedit.buckets.plan import BatchPlan

__all__ = ["BatchPlan"]
