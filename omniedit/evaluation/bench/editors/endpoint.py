"""Editor behind an images endpoint, with the project's cache, limits, retries and budget."""

import json
from collections.abc import Sequence

from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, FailureKind, ItemRequest
from omniedit.evaluation.bench.editors.entries import EndpointEntry
from omniedit.imaging.images import Image, decode_image, resize_to_fit
from omniedit.vlm.client import MissingReply, open_client
from omniedit.vlm.images import IMAGE_TOKENS, ImagesEndpoint, decode_reply
from omniedit.vlm.messages import Prompt, PromptImage, Reply


class ImagesEditor(BenchEditor):
    """Editor that asks an endpoint in the form of OpenAI's images/edits.

    Refusals are cached, as images are. A request without an answer is a failure, and a later run sends it again.

    Raises:
        UserError: the entry names no endpoint, or the API key is missing.
    """

    takes_references = True

    def __init__(self, entry: EndpointEntry) -> None:
        self.sizes, self.max_side = entry.sizes, entry.endpoint.max_side
        self.client = open_client(entry.endpoint, endpoint_class=ImagesEndpoint)
        self.batch_size = self.client.concurrency
        request = json.dumps(entry.endpoint.request, sort_keys=True)
        self.version = f"{entry.endpoint.model}, {request}, at most {self.max_side} pixels a side"

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        answers = self.client.ask([self._prompt(request) for request in requests])
        return [_to_result(answer) for answer in answers]

    def _prompt(self, request: ItemRequest) -> Prompt:
        images = [PromptImage(resize_to_fit(image, self.max_side)) for image in (request.source, *request.references)]
        return Prompt((*images, request.item.instruction), max_tokens=IMAGE_TOKENS)


def _to_result(answer: Reply | MissingReply) -> Image | EditFailure:
    if isinstance(answer, MissingReply):
        return EditFailure(answer.reason)
    if answer.missing:
        return EditFailure(answer.missing, FailureKind.REFUSAL)
    try:
        return decode_image(decode_reply(answer), "the endpoint's image")
    except (ValueError, UserError) as error:
        return EditFailure(str(error))
