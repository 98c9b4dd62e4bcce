"""The vision-language model that a config names, opened for a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniedit.config.schema import PROPOSER, LocalModelConfig, ProposalsConfig
from omniedit.errors import UserError
from omniedit.vlm import Model
from omniedit.vlm.cache import Cache
from omniedit.vlm.client import open_client


@contextmanager
def open_model(config: ProposalsConfig, spent: Path | None = None) -> Iterator[Model]:
    """The model while the block lasts; at the end what an endpoint was paid is told, however it ends.

    Args:
        spent: folder of the run's ledger, where several jobs share the config's budget.

    Raises:
        UserError: no endpoint, key or folder, or a model that cannot be asked.
    """
    if config.source == "local":
        yield load_local(config.local)
        return
    with open_client(config.api, spent) as client:
        try:
            yield client
        finally:
            print(client.summary(), flush=True)


def load_local(config: LocalModelConfig) -> Model:
    """The model of the role `proposer`, from its folder.

    Raises:
        UserError: it was not fetched, is partial, or answers no questions about pictures.
    """
    import torch
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    from omniedit.models.folder import load_part, load_processor
    from omniedit.models.registry import get_model, model_folder
    from omniedit.vlm.local import LocalModel

    model, folder = get_model(PROPOSER), model_folder(PROPOSER)
    if model.class_name not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values():
        raise UserError(f"config/models.yaml: {PROPOSER}: a {model.class_name} answers no questions about pictures")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = getattr(torch, model.dtype) if device == "cuda" else torch.float32
    network = load_part(folder, (getattr(transformers, model.class_name),), dtype).to(device)
    version = f"{model.repository}@{model.revision}"
    return LocalModel(network, load_processor(folder), version, Cache(config.cache), config.batch_size)
