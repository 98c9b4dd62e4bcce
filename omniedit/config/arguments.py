"""Script arguments that contain a section of the config.

A rule passes a section as JSON if any change of the section should run the job again. Otherwise it passes the run's
config.json; its inputs and other parameters then decide when the job runs again.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.config.loading import check_section
from omniedit.config.messages import section_key
from omniedit.config.section import S, Section
from omniedit.errors import UserError


def add_section(parser: argparse.ArgumentParser, flag: str, model: type[Section], **settings: Any) -> None:
    """Add an option whose value is a section of the config (`read_section`), with other settings of `add_argument`."""
    description = f"`{'.'.join(section_key(model) or ('config',))}` as JSON, or a run's config.json"
    parser.add_argument(flag, type=partial(read_section, model), **{"help": description} | settings)


def read_section(model: type[S], source: str | Path) -> S:
    """Return a section of the config, or the whole config, from a script's argument.

    Args:
        source: the section as JSON, or the config.json of a run, from which only this section is read.

    Raises:
        UserError: one line with the file, the key, the error and the allowed values.
    """
    text, key = str(source), section_key(model) or ()
    is_json = text.lstrip().startswith("{")
    try:
        values: Any = json.loads(text if is_json else Path(text).read_text(encoding="utf-8"))
        for part in () if is_json else key:
            values = values.get(part, {})
    except (OSError, ValueError, AttributeError) as error:
        problem = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        remedy = "give the results/RUN/config.json of a run, or a section as JSON"
        raise UserError(f"{text}: cannot be read as a run's config ({problem}); {remedy}") from None
    return check_section(model, values, [] if is_json else [text])
