"""Editors without a model: one returns the unchanged source, the other the benchmark's own result."""

from collections.abc import Sequence

from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, ItemRequest
from omniedit.imaging.images import Image, decode_image


class NoEdit(BenchEditor):
    """Editor that returns the source unchanged."""

    version, takes_references = "no_edit", True

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        return [request.source for request in requests]


class Target(BenchEditor):
    """Editor that returns the benchmark's own result, for items that have one."""

    version, takes_references = "target", True

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        return [self._edit(request) for request in requests]

    def _edit(self, request: ItemRequest) -> Image | EditFailure:
        item = request.item
        if item.target is None:
            return EditFailure("the benchmark gives no result for this item")
        return decode_image(item.target(), f"{item.item_id}: target")
