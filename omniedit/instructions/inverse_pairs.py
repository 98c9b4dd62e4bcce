"""Inverse pairs: source and edited image exchanged, with an instruction that undoes the edit."""

from dataclasses import replace

from omniedit.instructions.reversal import reverse_edit
from omniedit.pairs import Captions, EditPair
from omniedit.storage.seeded_random import make_rng

INVERSE = "inverse"
"""Value of `provenance.derived.how`, and name of the group of such pairs in a run."""


def invert(pair: EditPair, seed: int = 0) -> EditPair | None:
    """Return the pair that undoes an edit, or None if no instruction can ask for it.

    A removal becomes an addition and vice versa, with the object from the truth or from the instruction. A swap is
    reversed. A colour or a background changes back if the old one is known, weather and light if they can be undone,
    and a style changes back to a photo if the source is a photo. Derived pairs and pairs with references have no
    inverse.

    Args:
        seed: selects the paraphrases, together with the id of the pair.
    """
    if pair.references or pair.provenance.get("derived"):
        return None
    reversal = reverse_edit(pair, make_rng(seed, INVERSE, pair.pair_id))
    if reversal is None:
        return None
    provenance = {name: value for name, value in pair.provenance.items() if name not in ("truth", "known_truth")}
    if reversal.truth is not None:
        provenance["truth"] = reversal.truth
        provenance |= {name: pair.provenance[name] for name in ("known_truth",) if name in pair.provenance}
    return replace(
        pair,
        pair_id=f"{pair.pair_id}-{INVERSE}",
        task=reversal.task,
        instructions=reversal.instructions,
        source=pair.edited,
        edited=pair.source,
        captions=Captions(pair.captions.edited, pair.captions.source),
        provenance=provenance | {"derived": {"from": pair.pair_id, "how": INVERSE}},
        session=None,
        turn=None,
        imported_scores={},
    )
