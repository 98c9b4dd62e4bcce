"""Apply quotas to a shard's proposals, so that no object, value or style exceeds its share. Also balance how often each
kind of paraphrase comes first.

The result depends only on the proposals, so the same replies give the same file.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from omniedit.config.schema import QuotasConfig
from omniedit.instructions.edit_proposals.classes import PHRASINGS, facets
from omniedit.instructions.edit_proposals.prompt_builder import digest
from omniedit.instructions.edit_proposals.proposer import ProposalDraft
from omniedit.instructions.edit_proposals.table import ProposalRow, rejection_row, usable
from omniedit.tasks import Task


def apply_quotas(
    drafts: Sequence[ProposalDraft], quotas: QuotasConfig, wanted: Mapping[Task, int]
) -> list[ProposalRow]:
    """Return a row for each draft, in order: usable within the quotas, rejected with the quota's name beyond them.

    Quotas are filled with the first proposals of all photos before any second proposal, because specialists use them in
    this order.

    Args:
        wanted: number of proposals of each task that can be used; quotas are shares of it.
    """
    counts: dict[Task, Counter[tuple[str, str]]] = defaultdict(Counter)
    leads: dict[Task, Counter[str]] = defaultdict(Counter)
    rows: dict[int, ProposalRow] = {}
    for index in sorted(range(len(drafts)), key=_turns(drafts).__getitem__):
        draft, task = drafts[index], drafts[index].edit.task
        values = list(facets(draft.edit.proposal, draft.edit.name))
        if reason := _full(values, counts[task], quotas, wanted[task]):
            rows[index] = rejection_row(draft.source_id, task, "quotas", reason)
            continue
        lead = _rarest(draft.instructions, leads[task])
        counts[task].update(values)
        leads[task][lead] += 1
        rows[index] = _row(draft, lead)
    return [rows[index] for index in range(len(drafts))]


def _full(
    values: Sequence[tuple[str, str]], counts: Counter[tuple[str, str]], quotas: QuotasConfig, quota: int
) -> str | None:
    """Return a message for the first full quota of a proposal's facets, or None. One proposal of each value is always
    allowed.
    """
    for facet, value in values:
        if counts[facet, value] >= max(1, int(getattr(quotas, facet) * quota)):
            return f"the quota of {facet} '{value}' is full"
    return None


def _turns(drafts: Sequence[ProposalDraft]) -> list[tuple[int, str]]:
    """Return the sort key of each draft: its index among its photo's drafts of the task, then a hash to break ties."""
    counts: Counter[tuple[str, Task]] = Counter()
    turns = []
    for draft in drafts:
        photo_task = draft.source_id, draft.edit.task
        turns.append((counts[photo_task], hashlib.sha256("|".join(photo_task).encode()).hexdigest()))
        counts[photo_task] += 1
    return turns


def _rarest(phrasings: Iterable[str], counts: Counter[str]) -> str:
    return min(phrasings, key=lambda phrasing: (counts[phrasing], PHRASINGS.index(phrasing)))


def _row(draft: ProposalDraft, lead: str) -> ProposalRow:
    """Return the row of a draft with the leading paraphrase first, which becomes the pair's `instruction`."""
    phrasings = [lead, *(phrasing for phrasing in draft.instructions if phrasing != lead)]
    instructions = [draft.instructions[phrasing] for phrasing in phrasings]
    proposal = draft.edit.proposal.model_copy(update={"instructions": instructions})
    named_by = [draft.named_by.get(phrasing) or _named_by_table(draft, phrasing) for phrasing in phrasings]
    columns: ProposalRow = {
        "name": draft.edit.name,
        "phrasings": phrasings,
        "model": draft.model,
        "prompt_hash": digest(draft.edit.task.family),
    }
    columns |= {"named_by": named_by} if any(named_by) else {}
    return usable(draft.source_id, draft.edit.task, proposal, **columns)


def _named_by_table(draft: ProposalDraft, phrasing: str) -> str | None:
    """Return the clue of the table of knowledge by which a paraphrase names its object, if any."""
    obj = draft.edit.thing
    return obj.describe_indirect_name(draft.instructions[phrasing]) if obj else None
