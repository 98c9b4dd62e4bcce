"""Buckets of accepted pairs by aspect ratio, as Zarr v3: plan, write, seal and read them; batch plan and loader."""

from omniedit.buckets.batch_plan import BatchPlan

__all__ = ["BatchPlan"]
