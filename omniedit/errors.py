"""What a user did wrong, told in one line: which file or key, what about it, what to do."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A mistake in a config, file or argument. Its text names the place and the remedy; no traceback is shown."""


def run_program(main: Callable[[], None]) -> None:
    """Run a program's `main`; a `UserError` becomes one line on standard error and exit status 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
