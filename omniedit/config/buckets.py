"""Section `buckets`: the Zarr store of accepted pairs."""

from pydantic import Field

from omniedit.config.section import Section


class BucketsConfig(Section):
    base_size: int = Field(1024, ge=64, multiple_of=16)
    """Size of a bucket's images: at least base_size^2 pixels, at one of the seven ratios."""
    pairs_per_zarr_shard: int = Field(4, ge=1)
    """Pairs per Zarr shard, the unit of writing."""
    parts: int = Field(2, ge=1, le=100_000)
    """Number of parallel jobs that write the buckets."""
