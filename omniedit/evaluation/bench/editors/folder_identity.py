"""Identity of a model's folder, for the versions of editors."""

import hashlib
from pathlib import Path

from omniedit.storage.manifest import MANIFEST, digest_file


def digest_weights(folder: Path) -> str:
    """Return 12 hex digits that identify the weights: those of the folder's manifest, or else of all safetensors."""
    manifest = folder / MANIFEST
    files = [manifest] if manifest.is_file() else sorted(folder.rglob("*.safetensors"))
    parts = [f"{file.relative_to(folder)} {digest_file(file)}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
