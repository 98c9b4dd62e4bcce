"""Section `export`: formats in which the run's pairs are exported, and the choice of pairs."""

from typing import Literal

from pydantic import Field

from omniedit.config.section import Section


class ExportConfig(Section):
    """Pairs that `snakemake all` also writes to results/{run}/export/{format}/, as `omniedit export` does."""

    formats: list[str] = Field([])
    """Formats, such as `omniedit`, `webdataset` or `folders` (docs/your-own-data.md)."""
    kind: Literal["accepted", "rejected", "preference"] = "accepted"
    """Accepted pairs, rejected pairs, or pairs of a better and a worse edit."""
    tasks: list[str] = Field([])
    """Tasks of the pairs; an empty list is all."""
    min_score: float | None = Field(None, ge=0, le=10)
    """Minimum O; null takes the pairs that the filter accepts."""
    top: float | None = Field(None, gt=0, le=100)
    """Percentage of each task's pairs to export, by the highest O; null takes all. The paper keeps the top 10."""
    licences: list[str] = Field([])
    """Licences, such as `cc-by` or `cc0`, in any version; an empty list is all."""
    rows_per_file: int = Field(200, ge=1)
    """Rows in each Parquet file or tar."""
