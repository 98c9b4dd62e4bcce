"""Questions about images, which train a language model with the pairs of an editor (SmartEdit, section 4.3)."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from omniedit.errors import UserError
from omniedit.imaging.images import Image, decode_image

QuestionBatch = tuple[list[Image], list[str], list[str]]
"""Images, (height, width, 3) RGB, with one question and its answer for each."""
COLUMNS = ["id", "image", "questions", "answers", "refused"]


class Questions:
    """Tables of questions written by `omniedit import llava`. A batch reads one row group.

    Args:
        folder: `results/{run}/vqa/{name}`, with Parquet files.

    Raises:
        UserError: the folder has no table.
    """

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("*.parquet"))
        if not self._files:
            raise UserError(
                f"{folder}: has no table of questions; make one with `omniedit import llava`, or leave out"
                " train.instruction_encoder.questions"
            )
        self._groups = [(file, group) for file in self._files for group in range(pq.read_metadata(file).num_row_groups)]
        sizes = [(file.name, file.stat().st_size) for file in self._files]
        self.digest = sha256(repr(sizes).encode()).hexdigest()

    def draw(self, count: int, rng: np.random.Generator) -> QuestionBatch:
        """Return questions of one row group, one turn of a conversation each; rejected rows are skipped.

        Raises:
            UserError: no row of the group can be used.
        """
        file, group = self._groups[int(rng.integers(len(self._groups)))]
        rows = pq.ParquetFile(file).read_row_group(group, columns=COLUMNS).to_pylist()
        usable = [row for row in rows if row["refused"] is None]
        if not usable:
            raise UserError(f"{file}: no row of group {group} has a question; import the questions again")
        images, questions, answers = [], [], []
        for number in rng.integers(len(usable), size=count):
            row = usable[int(number)]
            turn = int(rng.integers(len(row["questions"])))
            images.append(decode_image(row["image"], row["id"]))
            questions.append(row["questions"][turn])
            answers.append(row["answers"][turn])
        return images, questions, answers
