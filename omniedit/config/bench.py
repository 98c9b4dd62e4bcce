"""Section `bench`: the benchmark of trained editors."""

from pydantic import Field

from omniedit.config.judges import JudgeName
from omniedit.config.section import Section


class BenchConfig(Section):
    judge: JudgeName = "reference"
    """Judge of the benchmark, with the settings in `scoring`. The table warns if it equals `scoring.judge`, because the
    judge that filtered the training data is not an independent measure."""
    photos: int = Field(2, ge=1)
    """Number of photos held out for the benchmark; nothing else uses them."""
    pairs_per_task: int = Field(4, ge=1)
    """Benchmark edits per task."""
    steps: int = Field(20, ge=1, le=1000)
    """Sampling steps of the editor."""
    guidance_text: float = Field(1.0, ge=0)
    """Guidance scale of the instruction."""
    guidance_image: float = Field(1.5, ge=0)
    """Guidance scale of the source image."""
