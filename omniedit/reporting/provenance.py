"""Provenance page: photos with licence and author, models, versions, seeds, and the config of the run."""

import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path
from typing import Any

import psutil
import yaml

from omniedit import __version__
from omniedit.pairs import Shard
from omniedit.pairs.provenance import model_revisions
from omniedit.redaction import redact, redact_values
from omniedit.reporting.page import PageRow, render

PHOTOS_SHOWN = 200
MAX_NAMES = 12


@dataclass
class Sources:
    """Summary of the index of photos, which may be too long to hold in memory."""

    authors: dict[str, Counter[str]] = field(default_factory=dict)
    """Authors of the kept photos, by licence."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """First `PHOTOS_SHOWN` rows that are not kept; `kept` holds the first kept rows."""
    left_out: int = 0
    """Number of all rows that are not kept."""

    @classmethod
    def of(cls, index: Iterable[dict[str, Any]]) -> "Sources":
        sources = cls()
        for row in index:
            if row["status"] == "kept":
                sources.authors.setdefault(row["licence"], Counter())[row["author"]] += 1
            else:
                sources.left_out += 1
            rows = sources.kept if row["status"] == "kept" else sources.rejected
            if len(rows) < PHOTOS_SHOWN:
                rows.append(row)
        return sources

    @property
    def photos(self) -> int:
        return sum(names.total() for names in self.authors.values())


def provenance_page(run: str, config: dict[str, Any], index: Iterable[dict[str, Any]], shards: Sequence[Path]) -> str:
    sources = Sources.of(index)
    values = {
        "title": "Provenance",
        "run": run,
        "facts": [
            ("OmniEdit", __version__),
            ("seed", config["seed"]),
            ("source photos", f"{sources.photos:,}"),
            ("files skipped", f"{sources.left_out:,}"),
        ],
        "licences": licence_rows(sources.authors),
        "photos": [photo_row(row) for row in sources.kept],
        "photos_left_out": sources.photos - len(sources.kept),
        "refused": [PageRow([row["file"], row["reason"]]) for row in sources.rejected],
        "refused_left_out": sources.left_out - len(sources.rejected),
        "models": model_rows(shards),
        "machine": [PageRow([name, value]) for name, value in describe_machine()],
        "packages": [PageRow(list(package)) for package in packages()],
        "config": yaml.safe_dump(redact_values(config), sort_keys=False, allow_unicode=True),
    }
    return render("provenance", values)


def licence_rows(authors: Mapping[str, Counter[str]]) -> list[PageRow]:
    """Return (licence, number of photos, authors), the most frequent licence first."""
    ordered = sorted(authors.items(), key=lambda item: -item[1].total())
    return [PageRow([licence, str(names.total()), _most_common(names)]) for licence, names in ordered]


def _most_common(names: Counter[str]) -> str:
    listed = ", ".join(name for name, _ in names.most_common(MAX_NAMES))
    return listed + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")


def photo_row(photo: dict[str, Any]) -> PageRow:
    crop = photo["right"] - photo["left"], photo["bottom"] - photo["top"]
    return PageRow(
        [
            photo["source_id"],
            photo["author"],
            photo["licence"],
            redact(photo["origin"]),
            f"{crop[0]} x {crop[1]}",
            photo["ratio"].replace("x", ":"),
            "benchmark" if photo["shard"] == "bench" else photo["shard"],
            photo["sha256"][:12],
        ]
    )


def model_rows(shards: Sequence[Path]) -> list[PageRow]:
    """Return (task, specialist, models with revisions, seed) from the provenance of the candidates."""
    rows: dict[tuple[str, str, int], dict[str, str]] = {}
    for path in shards:
        with Shard(path) as shard:
            models = rows.setdefault((shard.task.label, shard.specialist, shard.seed), {})
            for provenance in shard.read_provenance():
                models.update(model_revisions(provenance))
    return [
        PageRow(
            [task, specialist, ", ".join(f"{k} {v}".strip() for k, v in sorted(models.items())) or "none", str(seed)]
        )
        for (task, specialist, seed), models in rows.items()
    ]


def describe_machine() -> list[tuple[str, str]]:
    """Describe the machine that writes the page."""
    return [
        ("system", platform.platform()),
        ("processor", f"{os.cpu_count()} x {_processor()}"),
        ("memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("Python", platform.python_version()),
        ("commit", commit()),
    ]


def _processor() -> str:
    """Return the processor's model from /proc/cpuinfo (Linux), or else the value from `platform`."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def commit() -> str:
    """Return the git commit of the code, marked as dirty if tracked files differ from it."""
    folder = Path(__file__).parent
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return result.stdout.strip()


def packages() -> list[tuple[str, str]]:
    """Return (name, version) of each package that omniedit requires, or of all packages if it is not installed."""
    try:
        names = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in requires("omniedit") or []}
    except PackageNotFoundError:
        names = {distribution.name.lower() for distribution in distributions()}
    versions = []
    for name in sorted(names):
        try:
            versions.append((name, version(name)))
        except PackageNotFoundError:
            versions.append((name, "not installed"))
    return versions
