"""Names of the benchmarks. Their modules load on first use: the command line lists the names."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omniedit.errors import UserError
from omniedit.storage.archives import find_zip

if TYPE_CHECKING:
    from omniedit.evaluation.bench.item import BenchSet
    from omniedit.evaluation.bench.protocol import ItemRow, Protocol


@dataclass(frozen=True)
class Benchmark:
    """Benchmark, or a part of one.

    Args:
        title: name to show.
        path: description of the path that the user gives.
        module: module of this package with `read(path, part) -> BenchSet` and `get_protocol(part) -> Protocol`.
        part: part of the benchmark; '' if it has only one.
        size: number of items as published; None if the publication does not say.
        ships: whether a set of the benchmark ships; it is read without a path.
        recorded: description of the path of recorded scores; '' if the scores of the benchmark's scripts cannot be
            read.
    """

    title: str
    path: str
    module: str
    part: str = ""
    size: int | None = None
    ships: bool = False
    recorded: str = ""

    def read(self, path: Path | None) -> "BenchSet":
        """Read the benchmark's published files.

        Args:
            path: the user's copy; None for the set that ships, if the benchmark has one.

        Raises:
            UserError: the path does not hold the benchmark; the message names the expected files.
        """
        if path is None and not self.ships:
            raise UserError(f"{self.title} does not ship; give {self.path}")
        if path is not None and not path.exists():
            raise UserError(f"{path}: no such file or folder; give {self.path}")
        try:
            read: BenchSet = self._load("read")(path, self.part)
        except UserError:
            if path is not None and (packed := find_zip(path)):
                raise UserError(f"{packed}: unpack it, and give {self.path}") from None
            raise
        return read

    def read_recorded(self, path: Path) -> "list[ItemRow]":
        """Read the scores of edits that the benchmark's own scripts wrote.

        Raises:
            UserError: the benchmark has no such files, they are not at the path, or they have no score of this set.
        """
        if not self.recorded:
            raise UserError(f"{self.title}: the scores of its own scripts cannot be read")
        rows: list[ItemRow] = self._load("read_recorded")(path, self.part)
        if not rows:
            raise UserError(f"{path}: has no score of {self.title}; give the scores that its scripts wrote")
        return rows

    @property
    def protocol(self) -> "Protocol":
        protocol: Protocol = self._load("get_protocol")(self.part)
        return protocol

    def _load(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(import_module(f"omniedit.evaluation.bench.sets.{self.module}"), name)
        return function


GEDIT = "the folder of stepfun-ai/GEdit-Bench, with its .arrow or .parquet files"
GEDIT_SCORES = "the folder eval_results_new, with *_gpt_score.csv"
RESULT = "result.json, next to the JSON file of the benchmark"
IMGEDIT = "the folder with {} and its images (Benchmark.tar, unpacked)"
MAGICBRUSH = "the test set, unpacked: the folder with edit_sessions.json and images; or Parquet files of another split"
EMU = "the folder of facebook/emu_edit_test_set, with its Parquet files"
I2E = "the folder EditData, with the images of the download"
SUTI = (
    "a folder with a folder of photographs for each subject, and prompts.json or DreamBooth's prompts_and_classes.txt"
)
BENCHMARKS = {
    "omniedit": Benchmark("OmniEdit-Bench", "the folder of a frozen set", "omniedit", ships=True),
    "omniedit-dev": Benchmark(
        "OmniEdit-Filtered-1.2M, dev split", "a folder with its dev-*.parquet files", "omniedit_dev", size=700
    ),
    "gedit-en": Benchmark("GEdit-Bench, English", GEDIT, "gedit", "en", 606, recorded=GEDIT_SCORES),
    "gedit-cn": Benchmark("GEdit-Bench, Chinese", GEDIT, "gedit", "cn", 606, recorded=GEDIT_SCORES),
    "imgedit": Benchmark(
        "ImgEdit-Bench, basic", IMGEDIT.format("singleturn.json"), "imgedit", "basic", 737, recorded=RESULT
    ),
    "imgedit-uge": Benchmark(
        "ImgEdit-Bench, understanding",
        IMGEDIT.format("UGE_edit.json (in the repository)"),
        "imgedit",
        "uge",
        47,
        recorded=RESULT,
    ),
    "imgedit-multiturn": Benchmark(
        "ImgEdit-Bench, multi-turn", IMGEDIT.format("CATEGORY/annotation.json"), "imgedit", "multiturn"
    ),
    "kris": Benchmark(
        "KRIS-Bench",
        "the folder KRIS_Bench, with an annotation.json per category",
        "kris",
        size=1267,
        recorded="results/MODEL",
    ),
    "rise": Benchmark(
        "RISEBench", "the folder with datav2_total_w_subtask.json and data.zip, unpacked", "rise", size=360
    ),
    "i2e-original": Benchmark(
        "I2EBench, original instructions", I2E, "i2e", "original", 2218, recorded="EditEval_ori/MODEL"
    ),
    "i2e-diverse": Benchmark("I2EBench, diverse instructions", I2E, "i2e", "diverse", 2218, recorded="EditEval/MODEL"),
    "magicbrush": Benchmark("MagicBrush test, single turns", MAGICBRUSH, "magicbrush", "single", 1053),
    "magicbrush-multi": Benchmark("MagicBrush test, chained turns", MAGICBRUSH, "magicbrush", "multi", 1053),
    "emu-test": Benchmark("EMU-Edit test", EMU, "emu", "test", 3589),
    "emu-validation": Benchmark("EMU-Edit test, validation split", EMU, "emu", "validation", 2022),
    "anyedit": Benchmark("AnyEdit-Test", "the folder of AnyEdit-Test.zip, unpacked", "anyedit"),
    "suti": Benchmark("SuTI, 30 subjects", SUTI, "suti", size=220),
    "reason-edit": Benchmark("Reason-Edit", "the folder of the six scenes", "reason_edit", size=219),
}
"""Benchmarks by name."""
