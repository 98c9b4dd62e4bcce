"""Names of the benchmarks. Their modules load on first use: the command line lists the names."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.evaluation.bench.item import BenchSet
    from omniedit.evaluation.bench.protocol import Protocol


@dataclass(frozen=True)
class Benchmark:
    """Benchmark, or a part of one.

    Args:
        title: name to show.
        path: what the user's path must be.
        module: module of this package with `read(path, part) -> BenchSet` and `get_protocol(part) -> Protocol`.
        part: part of the benchmark, '' if it has one only.
        size: number of items as published; None if the publication does not say.
    """

    title: str
    path: str
    module: str
    part: str = ""
    size: int | None = None

    def read(self, path: Path) -> "BenchSet":
        """Read the benchmark's published files.

        Raises:
            UserError: the path is not the benchmark's; the message says what it must be.
        """
        read: BenchSet = self._load("read")(path, self.part)
        return read

    @property
    def protocol(self) -> "Protocol":
        protocol: Protocol = self._load("get_protocol")(self.part)
        return protocol

    def _load(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(import_module(f"omniedit.evaluation.bench.sets.{self.module}"), name)
        return function


GEDIT = "the folder or a Parquet file of stepfun-ai/GEdit-Bench"
MAGICBRUSH = "the folder of Parquet files of osunlp/MagicBrush, or of its test set's images and edit_sessions.json"
BENCHMARKS = {
    "omniedit": Benchmark("OmniEdit-Bench", "a folder with bench.jsonl, images/ and checksums.sha256", "omniedit"),
    "gedit-en": Benchmark("GEdit-Bench, English", GEDIT, "gedit", "en", 606),
    "gedit-cn": Benchmark("GEdit-Bench, Chinese", GEDIT, "gedit", "cn", 606),
    "imgedit": Benchmark(
        "ImgEdit-Bench, basic",
        "the folder with basic_edit.json and the images (Benchmark.tar)",
        "imgedit",
        "basic",
        737,
    ),
    "imgedit-uge": Benchmark(
        "ImgEdit-Bench, understanding", "the folder with UGE_edit.json and the images", "imgedit", "uge"
    ),
    "kris": Benchmark("KRIS-Bench", "the folder KRIS_Bench with an annotation.json per category", "kris"),
    "rise": Benchmark("RISEBench", "the folder with datav2_total_w_subtask.json or data_total.json", "rise"),
    "i2e-original": Benchmark("I2EBench, original instructions", "the folder EditData", "i2e", "original"),
    "i2e-diverse": Benchmark("I2EBench, diverse instructions", "the folder EditData", "i2e", "diverse"),
    "magicbrush": Benchmark("MagicBrush test, single turn", MAGICBRUSH, "magicbrush", "single", 1053),
    "magicbrush-multi": Benchmark("MagicBrush test, multi-turn", MAGICBRUSH, "magicbrush", "multi", 1053),
    "emu-test": Benchmark("EMU-Edit test", "the folder of Parquet files of facebook/emu_edit_test_set", "emu"),
    "anyedit": Benchmark("AnyEdit-Test", "the folder of AnyEdit's test set", "anyedit"),
    "reason-edit": Benchmark("Reason-Edit", "the folder of Reason-Edit's images and texts", "reason_edit"),
}
"""Benchmarks by name."""
