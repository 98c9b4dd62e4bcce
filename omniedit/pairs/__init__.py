"""Edit pairs: their types, the schema of their provenance, and their shard file `candidates/{task}/{shard}.h5`.

Formats of other programs belong in `exchange`, judging in `scoring`.
"""

from omniedit.pairs.pair import Captions, EditPair, EncodedPair, Reference, Rejection, make_pair_id
from omniedit.pairs.shard import Shard
from omniedit.pairs.writer import ShardWriter, write_shard

__all__ = [
    "Captions",
    "EditPair",
    "EncodedPair",
    "Reference",
    "Rejection",
    "Shard",
    "ShardWriter",
    "make_pair_id",
    "write_shard",
]

Refusal = Rejection
"""Earlier name of `Rejection`."""
