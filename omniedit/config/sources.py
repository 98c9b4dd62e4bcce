"""Section `sources`: photos, or edit pairs, that a run starts from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.pairs import ImportConfig, PairFormat
from omniedit.config.section import LocalPath
from omniedit.storage.archives import ARCHIVE_SUFFIXES


class SourcesConfig(PairFormat):
    kind: Literal["sample", "folder", "webdataset", "parquet", "pairs", "none"] = "sample"
    """Kind of the sources: the nine sample photos in the package, a folder of your own, WebDataset tar files (as
    img2dataset writes them), or Parquet files with the encoded images. `pairs` are edit pairs instead of photos:
    the run makes no pairs of its own, and scores, filters and trains on these. `none` has neither: all pairs come from
    `subjects` and `imports`."""
    path: LocalPath | None = None
    """Folder of jpeg, png, webp and tiff photos, searched recursively. For `webdataset` and `parquet`: an archive, a
    range of archives such as `s3://bucket/laion/{00000..01230}.tar`, or a local folder of archives. A password, key or
    signature in a URL is shown as `***` everywhere; give it in a file, because `ps` shows --config. For `pairs`: as
    `imports.<name>.path`."""
    image_column: str | None = None
    """Column of the source photos, for `parquet`. null takes the first known name, such as `image`, `jpg`, `source_img`
    or `original_image`, else the only column of images."""
    min_pixels: int = Field(1_000_000, ge=4096)
    """Minimum number of pixels (width x height) of a photo after the crop to its ratio; smaller photos are skipped."""
    max_pixels: int = Field(4_000_000, ge=4096)
    """Maximum number of pixels of a photo after the crop; larger photos are scaled down to it. Specialists and judges
    work at this size."""
    ratio_tolerance: float = Field(0.15, ge=0, lt=1)
    """Maximum share of a photo's area that the crop to the nearest of the seven ratios may remove."""
    crop: Literal["centre", "saliency"] = "saliency"
    """Region that the crop keeps: the centre of the photo, or its most salient part."""
    shards: int = Field(1, ge=1, le=100_000)
    """Number of shards over which the photos or pairs are distributed. For archives of photos: the number of archives
    to use, each of which is a shard. Every task and every data set has one job per shard."""

    @model_validator(mode="after")
    def _check_path_is_given(self) -> Self:
        if (self.kind in ("sample", "none")) != (self.path is None):
            raise ValueError("path is required for every kind except `sample` and `none`, which take none")
        return self

    @model_validator(mode="after")
    def _check_parquet_columns(self) -> Self:
        if self.image_column is not None and self.kind != "parquet":
            raise ValueError("image_column is only for kind `parquet`")
        return self

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        changed = [key for key, field in PairFormat.model_fields.items() if getattr(self, key) != field.default]
        if self.kind == "pairs" and self.format is None:
            raise ValueError("format is required for kind `pairs`")
        if self.kind != "pairs" and changed:
            raise ValueError(f"{changed[0]} is only for kind `pairs`; `imports` adds pairs to photos")
        return self

    @property
    def are_photos(self) -> bool:
        return self.kind not in ("pairs", "none")

    @property
    def are_archives(self) -> bool:
        return self.kind in ARCHIVE_SUFFIXES

    @property
    def pairs(self) -> ImportConfig:
        """Return the data set of kind `pairs`."""
        return self.extract(ImportConfig)

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.max_pixels < self.min_pixels:
            raise ValueError(f"max_pixels {self.max_pixels} must not be less than min_pixels {self.min_pixels}")
        return self
