"""Tables that ship as YAML, read by PyYAML's C parser if available: seven times as fast."""

from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:
    """Return the content of a shipped table; a user's file is read by `omniedit.config.loading.read_yaml`."""
    return yaml.load(text, _Loader)
