"""Subjects of one shard, from the source that the config names."""

from collections.abc import Iterator
from pathlib import Path

from omniedit.config.schema import Config
from omniedit.instructions.language_model import open_model
from omniedit.subjects.captions import ModelCaptioner, NamesFromTexts
from omniedit.subjects.clusters import find_subjects, read_groups
from omniedit.subjects.features import open_features
from omniedit.subjects.subject import RejectedCluster, Subject
from omniedit.subjects.synthetic_subjects import photograph_subjects


def find_shard_subjects(
    config: Config, shard: int, shards: int, spent: Path | None = None
) -> Iterator[Subject | RejectedCluster]:
    """Yield the subjects and rejected clusters of a shard, and a rejection for each row without a group.

    Args:
        spent: folder of the run's ledger, if a model behind an endpoint writes the captions.

    Raises:
        UserError: the source or a model cannot be read.
    """
    options = config.subjects
    if options.source == "cut_outs":
        yield from photograph_subjects(options, shard, shards, config.seed)
        return
    import torch

    embed = open_features(options.features, "cuda" if torch.cuda.is_available() else "cpu")
    groups, rejected = read_groups(options, shard, shards)
    yield from (RejectedCluster(row.source_id, row.reason, {}) for row in rejected)
    if options.captions == "names":
        yield from find_subjects(groups, options, embed, NamesFromTexts())
        return
    with open_model(config.proposals, spent) as model:
        captioner = ModelCaptioner(model, config.proposals.tries, config.proposals.max_side)
        yield from find_subjects(groups, options, embed, captioner)
