"""Open the vision-language model that a config names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniedit.config.schema import PROPOSER, LocalModelConfig, ProposalsConfig
from omniedit.errors import UserError
from omniedit.vlm import ChatModel
from omniedit.vlm.cache import Cache
from omniedit.vlm.client import open_client


@contextmanager
def open_model(config: ProposalsConfig, spent: Path | None = None) -> Iterator[ChatModel]:
    """Open the model for a block; at its end, even after an error, print the usage of the endpoint.

    Args:
        spent: folder of the run's ledger, if several jobs share the config's budget.

    Raises:
        UserError: the endpoint, key or folder is missing, or the model cannot be used.
    """
    if config.source == "local":
        yield load_local(config.local)
        return
    with open_client(config.api, spent) as client:
        try:
            yield client
        finally:
            print(client.summary(), flush=True)


def load_local(config: LocalModelConfig) -> ChatModel:
    """Load the model of the role `proposer` from its folder.

    Raises:
        UserError: the model was not fetched, is incomplete, or takes no images.
    """
    import torch
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    from omniedit.models.folder import load_part
    from omniedit.models.processors import load_processor
    from omniedit.models.registry import get_model, model_folder
    from omniedit.vlm.local import LocalModel

    model, folder = get_model(PROPOSER), model_folder(PROPOSER)
    if model.class_name not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values():
        problem = f"class {model.class_name} takes no images; name an image-text-to-text model"
        raise UserError(f"config/models.yaml: {PROPOSER}: {problem}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = getattr(torch, model.dtype) if device == "cuda" else torch.float32
    network = load_part(folder, (getattr(transformers, model.class_name),), dtype).to(device)
    version = f"{model.repository}@{model.revision}"
    return LocalModel(network, load_processor(folder), version, Cache(config.cache), config.batch_size)
