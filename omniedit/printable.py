"""Text from files as one line that a terminal can print."""

import unicodedata

LONGEST = 200
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
"""Unicode's categories of what moves the cursor, turns the direction of writing, or cannot be encoded."""


def to_printable(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line: white space becomes a space, what no terminal should be sent '\ufffd'.

    Args:
        longest: what is longer is cut.
    """
    line = " ".join(text.split())
    shown = "".join("\ufffd" if unicodedata.category(c) in HIDDEN else c for c in line[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."
