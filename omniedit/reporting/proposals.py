"""Proposals page: counts by task, objects, values, styles, balance of concepts, paraphrases, reasons of rejection."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from omniedit.instructions.edit_proposals.classes import PHRASINGS, facets
from omniedit.instructions.edit_proposals.table import CLASSES, SCHEMA
from omniedit.reporting.contact_sheet import shorten
from omniedit.reporting.figure_style import BLUE, INK, SEQUENCE, panels, report_style
from omniedit.reporting.page import NO_VALUE, PageRow, number, percent, render
from omniedit.storage.parquet import stream_rows
from omniedit.tasks import Task, order_tasks

FACETS = {
    "object": "Objects",
    "new_object": "New objects",
    "attribute": "Attributes",
    "value": "New values",
    "environment": "Environments",
    "style": "Styles",
}
STAGES = ("recorded reply", "things", "edits", "wordings", "quotas")
RANKS = (("most frequent", 0, 1), ("next 9", 1, 10), ("next 40", 10, 50), ("all others", 50, None))
"""Parts of a bar of concepts: name, first rank, and end rank (exclusive)."""
MAX_BARS, MAX_REASONS, EXAMPLES = 12, 40, 3
"""Limits: bars of a panel, rows of the table of reasons, examples of a task."""


@dataclass
class ProposalTally:
    """Counts over the rows of all shards' proposals."""

    photos: int = 0
    usable: Counter[Task] = field(default_factory=Counter)
    instructions: Counter[Task] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Counts by stage, task ('' if the row has none) and kind of reason."""
    named: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Counts of each value, by facet ('object', ...)."""
    concepts: dict[Task, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Counts of all values together, by task."""
    first: Counter[tuple[Task, str]] = field(default_factory=Counter)
    """Counts by task and by the kind of the first instruction, such as plain or indirect."""
    models: Counter[str] = field(default_factory=Counter)
    examples: dict[Task, dict[str, list[tuple[str, str]]]] = field(default_factory=lambda: defaultdict(dict))
    """One proposal for each of some photos, by task and source id: (kind of paraphrase, instruction) pairs."""

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "ProposalTally":
        """Count the proposals in files.

        Raises:
            DamagedFile: a file of proposals is incomplete, or of another release.
        """
        tally = cls()
        for path in paths:
            photos = set()
            for row in stream_rows(path, SCHEMA.names):
                photos.add(row["source_id"])
                tally.add(row)
            tally.photos += len(photos)
        return tally

    def add(self, row: Mapping[str, Any]) -> None:
        if row["refused"] is not None:
            self.rejected[row["stage"], row["task"] or "", reason_kind(row["refused"])] += 1
            return
        task = Task(row["task"])
        proposal = CLASSES[task].model_validate_json(row["proposal"])
        phrasings = row["phrasings"] or [""] * len(proposal.instructions)
        self.usable[task] += 1
        self.instructions[task] += len(phrasings)
        self.first[task, phrasings[0]] += 1
        self.models[row["model"] or "recorded replies"] += 1
        for facet, value in facets(proposal, row["name"] or ""):
            self.named[facet][value] += 1
            self.concepts[task][value] += 1
        if len(examples := self.examples[task]) < EXAMPLES:
            examples.setdefault(row["source_id"], list(zip(phrasings, proposal.instructions, strict=True)))


def reason_kind(reason: str) -> str:
    """Replace the quotations and numbers in a reason, so that equal reasons are counted together."""
    return re.sub(r"\d+", "#", re.sub(r"'[^']*'|\"[^\"]*\"", "...", reason))


def proposals_page(run: str, tally: ProposalTally) -> str:
    tasks = order_tasks({Task(of) for _, of, _ in tally.rejected if of}.union(tally.usable))
    with report_style():
        values = {
            "title": "Proposals",
            "run": run,
            "facts": [
                ("photos", f"{tally.photos:,}"),
                ("usable", f"{tally.usable.total():,}"),
                ("rejected", f"{_count_rejected(tally, tasks, 'edits', 'quotas', 'recorded reply'):,}"),
                ("distinct objects", f"{len(tally.named['object']):,}"),
                ("proposed by", ", ".join(tally.models) or NO_VALUE),
            ],
            "tasks": task_rows(tasks, tally),
            "concepts": concept_rows(tasks, tally),
            "shares": share_bars(tasks, tally) if tally.concepts else None,
            "named": facet_bars(tally.named) if tally.usable else None,
            "phrasings": phrasing_bars(tasks, tally.first) if tally.usable else None,
            "reasons": reason_rows(tally),
            "reasons_left_out": max(0, len(tally.rejected) - MAX_REASONS),
            "examples": [(task.label, tally.examples[task].values()) for task in tasks if tally.examples[task]],
        }
        return render("proposals", values)


def task_rows(tasks: Sequence[Task], tally: ProposalTally) -> list[PageRow]:
    return [
        PageRow(
            [
                task.label,
                f"{tally.usable[task]:,}",
                f"{_count_rejected(tally, [task], 'edits', 'recorded reply'):,}",
                f"{_count_rejected(tally, [task], 'quotas'):,}",
                number(tally.instructions[task] / tally.usable[task] if tally.usable[task] else None, 1),
                f"{_count_rejected(tally, [task], 'wordings'):,}",
            ]
        )
        for task in tasks
    ]


def _count_rejected(tally: ProposalTally, tasks: Collection[str], *stages: str) -> int:
    """Count the rejected proposals of tasks in some stages."""
    return sum(count for (stage, of, _), count in tally.rejected.items() if of in tasks and stage in stages)


def concept_rows(tasks: Sequence[Task], tally: ProposalTally) -> list[PageRow]:
    """Return how evenly each task's proposals are spread over concepts: objects, new objects, values, styles and so
    on.
    """
    rows = []
    for task in tasks:
        if counts := tally.concepts.get(task):
            (name, highest), *_ = counts.most_common(1)
            half = count_concepts_in_half(counts)
            cells = [task.label, f"{len(counts):,}", f"{half:,}", shorten(name, 38), percent(highest / counts.total())]
            rows.append(PageRow([*cells, number(evenness(counts))]))
    return rows


def evenness(counts: Counter[str]) -> float:
    """Return Pielou's evenness: the entropy of the shares, divided by that of equal shares; 1 for one concept."""
    shares = np.array(list(counts.values())) / counts.total()
    return 1.0 if len(shares) == 1 else float(-(shares * np.log(shares)).sum() / np.log(len(shares)))


def count_concepts_in_half(counts: Counter[str]) -> int:
    """Return how many of the most frequent concepts make up half of all mentions."""
    sums = np.cumsum([count for _, count in counts.most_common()])
    return int(np.searchsorted(sums, counts.total() / 2)) + 1


def share_bars(tasks: Sequence[Task], tally: ProposalTally) -> Figure:
    """Plot, for each task, the shares of mentions by the rank of the concept. In a balanced task, the first part of the
    bar is short.
    """
    listed = [task for task in tasks if tally.concepts.get(task)]
    figure, (axis,) = panels(1, 1, 9.4, 0.9 + 0.27 * len(listed))
    labels, start = [task.label for task in listed], np.zeros(len(listed))
    for (name, first, last), colour in zip(RANKS, SEQUENCE, strict=False):
        shares = np.array([_share_of_ranks(tally.concepts[task], first, last) for task in listed])
        axis.barh(labels, shares, 0.62, start, color=colour, label=name)
        start += shares
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.tick_params(axis="y", labelcolor=INK)
    axis.set_xlabel("share of mentions (%)")
    figure.legend(loc="outside right upper")
    return figure


def _share_of_ranks(counts: Counter[str], first: int, last: int | None) -> float:
    """Return the percentage of mentions of the concepts from one rank to before another."""
    ranked = [count for _, count in counts.most_common()]
    return 100 * sum(ranked[first:last]) / counts.total()


def facet_bars(named: Mapping[str, Counter[str]]) -> Figure:
    """Plot a panel for each facet, with its most frequent values from the top."""
    figure, axes = panels(3, 2, 9.4, 8.4)
    for axis, (facet, title) in zip(axes, FACETS.items(), strict=True):
        _bars(axis, title, named.get(facet, Counter()))
    return figure


named_bars = facet_bars
"""Earlier name of `facet_bars`."""


def _bars(axis: Axes, title: str, counts: Counter[str]) -> None:
    top = counts.most_common(MAX_BARS)
    places = np.arange(len(top))
    axis.barh(places, [count for _, count in top], 0.7, color=BLUE)
    axis.set_yticks(places, [shorten(value, 38) for value, _ in top], color=INK)
    axis.set_ylim(MAX_BARS - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    share = f", most frequent one {percent(top[0][1] / counts.total())}" if top else ""
    axis.set_title(f"{title}: {len(counts):,} distinct{share}")


def phrasing_bars(tasks: Sequence[Task], first: Mapping[tuple[Task, str], int]) -> Figure:
    """Plot for each task the number of proposals by the kind of paraphrase that comes first."""
    figure, (axis,) = panels(1, 1, 9.4, 0.7 + 0.32 * len(tasks))
    labels = [task.label for task in tasks]
    start = np.zeros(len(tasks))
    for phrasing, colour in zip((*PHRASINGS, ""), SEQUENCE, strict=False):
        counts = np.array([first.get((task, phrasing), 0) for task in tasks])
        if counts.any():
            axis.barh(labels, counts, 0.62, start, color=colour, label=phrasing or "as recorded")
        start += counts
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.tick_params(axis="y", labelcolor=INK)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside right upper")
    return figure


def reason_rows(tally: ProposalTally) -> list[PageRow]:
    """Return the reasons stage by stage, the most frequent first."""
    ordered = sorted(tally.rejected.items(), key=lambda item: (STAGES.index(item[0][0]), -item[1], item[0]))
    return [
        PageRow([stage, Task(task).label if task else NO_VALUE, reason, f"{count:,}"])
        for (stage, task, reason), count in ordered[:MAX_REASONS]
    ]
