"""Downloads from the Hugging Face hub: fetch a model of the registry, verify its files, and pin its revision.

Only files without code are fetched, and each one is compared with the hub's own listing. Later jobs read the files
offline (`omniedit.models.registry.model_folder`).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from omniedit.config.source_folder import source_file
from omniedit.errors import UserError
from omniedit.models.registry import MODELS, ModelEntry, fetch_command, get_model
from omniedit.storage.manifest import checksum

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile

CODELESS = (".safetensors", ".json", ".txt", ".model", ".jinja")
"""Suffixes of fetched files: weights, configs, vocabularies, chat templates. No pickle, no Python."""


class HubModel(Protocol):
    """Entry of a YAML file of models whose repository is on the hub."""

    @property
    def repository(self) -> str | None: ...

    @property
    def revision(self) -> str | None: ...

    @property
    def licence(self) -> str: ...


def fetch(role: str, model: ModelEntry) -> dict[str, Any]:
    """Download a model into the Hugging Face cache and verify every file against the hub's listing.

    An interrupted download resumes. Files in the cache are not downloaded again.

    Returns:
        The record for models/{role}.json.

    Raises:
        UserError: the entry has no revision, the licence is not accepted, there is no such model or no connection, or a
            file has other content.
    """
    from huggingface_hub import snapshot_download

    if model.revision is None:
        raise UserError(f"{MODELS}: {role}: no revision; run: {fetch_command(role, model)}")
    with hub_errors(role, model):
        files = list_files(model)
        folder = Path(snapshot_download(model.repository, revision=model.revision, allow_patterns=list(files)))
    return build_record(role, model, folder, {name: verify(folder / name, listed) for name, listed in files.items()})


def build_record(role: str, model: ModelEntry, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Build the record of a model for models/{role}.json.

    Args:
        files: path within the folder -> bytes and sha256.
    """
    about = model.model_dump(by_alias=True, exclude={"files", "memory_gb"})
    return {"role": role, **about, "folder": str(folder), "files": dict(files)}


def list_files(model: ModelEntry) -> dict[str, "RepoFile"]:
    """List the files to fetch, by path in the repository.

    Raises:
        UserError: the entry's patterns include weights, but no safetensors file matches.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    tree = HfApi().list_repo_tree(model.repository, revision=model.revision, recursive=True)
    files = {file.path: file for file in tree if isinstance(file, RepoFile) and is_wanted(file.path, model.files)}
    suffixes = CODELESS if only_configs(model.files) else ".safetensors"
    if not any(name.endswith(suffixes) for name in files):
        patterns = " ".join(model.files)
        raise UserError(f"{model.repository}: no .safetensors file matches {patterns}; other formats can contain code")
    return files


def only_configs(patterns: Sequence[str]) -> bool:
    return all(pattern.endswith(CODELESS[1:]) for pattern in patterns)


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return name.endswith(CODELESS) and any(fnmatchcase(name, pattern) for pattern in patterns)


def verify(path: Path, listed: "RepoFile") -> dict[str, Any]:
    """Verify a fetched file against the hub's listing and return its bytes and sha256.

    Raises:
        UserError: the content differs; the file is removed, so that the next attempt downloads it again.
    """
    digest = checksum(path)
    same = digest["sha256"] == listed.lfs.sha256 if listed.lfs else git_blob(path) == listed.blob_id
    if not same:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise UserError(f"{path}: does not match the hub's listing and was removed; run the same command again")
    return digest


def git_blob(path: Path) -> str:
    """Return the Git blob hash of a file, by which the hub lists small files."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pin(role: str, path: Path = MODELS) -> str:
    """Write the newest revision of a role's repository into the file and return it. The rest of the file is kept.

    Raises:
        UserError: no such model, licence not accepted, no connection, or the file cannot be written.
    """
    return pin_entry(role, get_model(role, path), path)


def pin_entry(name: str, model: HubModel, path: Path) -> str:
    """Write the newest revision of an entry's repository into the entry's file, as `pin` does.

    Args:
        path: file of the entry `name`, which has a line `  revision: ...`.
    """
    from huggingface_hub import HfApi

    with hub_errors(name, model, path):
        head = HfApi().model_info(str(model.repository)).sha
    assert head
    entry = rf"(^{re.escape(name)}:\n(?:[ #].*\n|\n)*?  revision: )\S+"
    path = source_file(path)
    try:
        path.write_text(re.sub(entry, rf"\g<1>{head}", path.read_text(), count=1, flags=re.MULTILINE))
    except OSError as error:
        problem = f"{path}: cannot be written: {error.strerror}"
        copy = Path("config") / path.name
        raise UserError(f"{problem}; copy it to {copy} in your working folder and run this there") from None
    return head


@contextmanager
def hub_errors(role: str, model: HubModel, path: Path = MODELS) -> Iterator[None]:
    """Convert errors of the hub to a one-line `UserError` with the remedy."""
    from httpx2 import HTTPError
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    page = f"{ENDPOINT}/{model.repository}"
    try:
        yield
    except GatedRepoError:
        raise UserError(f"{page}: accept its licence there ({model.licence}), then: hf auth login") from None
    except RevisionNotFoundError:
        raise UserError(f"{path}: {role}: {model.repository} has no revision {model.revision}") from None
    except RepositoryNotFoundError:
        raise UserError(f"{page}: no such model, or this account may not see it (hf auth login)") from None
    except (HTTPError, OSError) as error:
        raise UserError(f"{page}: {str(error).splitlines()[0]}") from None
