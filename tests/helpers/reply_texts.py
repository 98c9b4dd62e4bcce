"""Strategy of long texts made of the pieces of replies, for tests of their parsers."""

from hypothesis import strategies as st

PIECES = [
    '{"score":"',
    '{"score":',
    '{"',
    '"',
    "'",
    "{",
    "}",
    "[",
    ",",
    ", a",
    "\n",
    " ",
    "//",
    "\\",
    ":",
    "a",
    "score: 8",
]
MARKS = "{}[]\":,score0123456789.-eE \n`<think>/\\'"


@st.composite
def long_texts(draw: st.DrawFn) -> str:
    """Draw a long text that repeats a few pieces."""
    piece = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6)))
    start = draw(st.sampled_from(["", *PIECES]))
    return start + piece * (20_000 // len(piece))
