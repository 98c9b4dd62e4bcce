"""A shard's proposals by quota: no object, value or style more often than its share, every phrasing about as often.

Which ones go follows from the proposals alone, so that the same replies give the same file.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from omniedit.config.schema import QuotasConfig
from omniedit.instructions.facets import PHRASINGS, facets
from omniedit.instructions.proposals import ProposalRow, rejected_row, usable
from omniedit.instructions.proposer import Draft
from omniedit.instructions.questions import digest
from omniedit.tasks import Task


def apply_quotas(drafts: Sequence[Draft], quotas: QuotasConfig, wanted: Mapping[Task, int]) -> list[ProposalRow]:
    """Rows of all drafts, in order: those within the quotas usable, the others refused with the quota's name.

    First come the first proposals of all photos, as specialists take them.

    Args:
        wanted: how many proposals of each task can be used at all; quotas are shares of these.
    """
    counts: dict[Task, Counter[tuple[str, str]]] = defaultdict(Counter)
    leads: dict[Task, Counter[str]] = defaultdict(Counter)
    rows: dict[int, ProposalRow] = {}
    for place in sorted(range(len(drafts)), key=_turns(drafts).__getitem__):
        draft, task = drafts[place], drafts[place].edit.task
        met = list(facets(draft.edit.proposal, draft.edit.name))
        if reason := _full(met, counts[task], quotas, wanted[task]):
            rows[place] = rejected_row(draft.source_id, task, "quotas", reason)
            continue
        lead = _rarest(draft.wordings, leads[task])
        counts[task].update(met)
        leads[task][lead] += 1
        rows[place] = _row(draft, lead)
    return [rows[place] for place in range(len(drafts))]


def _full(
    met: Sequence[tuple[str, str]], counts: Counter[tuple[str, str]], quotas: QuotasConfig, wanted: int
) -> str | None:
    """Which quota of what a proposal names is used up, None where none is; one of each is always allowed."""
    for what, value in met:
        if counts[what, value] >= max(1, int(getattr(quotas, what) * wanted)):
            return f"the quota of {what} '{value}' is full"
    return None


def _turns(drafts: Sequence[Draft]) -> list[tuple[int, str]]:
    """Of each draft: the how-manieth of its photo and task it is, then what decides among these."""
    seen: Counter[tuple[str, Task]] = Counter()
    turns = []
    for draft in drafts:
        of_photo = draft.source_id, draft.edit.task
        turns.append((seen[of_photo], hashlib.sha256("|".join(of_photo).encode()).hexdigest()))
        seen[of_photo] += 1
    return turns


def _rarest(phrasings: Iterable[str], counts: Counter[str]) -> str:
    return min(phrasings, key=lambda phrasing: (counts[phrasing], PHRASINGS.index(phrasing)))


def _row(draft: Draft, lead: str) -> ProposalRow:
    """With the leading wording first, which is the one to train on."""
    phrasings = [lead, *(phrasing for phrasing in draft.wordings if phrasing != lead)]
    instructions = [draft.wordings[phrasing] for phrasing in phrasings]
    proposal = draft.edit.proposal.model_copy(update={"instructions": instructions})
    told = {"name": draft.edit.name, "phrasings": phrasings, "model": draft.model, "prompt_hash": digest()}
    return usable(draft.source_id, draft.edit.task, proposal, **told)
