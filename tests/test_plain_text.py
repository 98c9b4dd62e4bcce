"""Tests that text from outside is cleaned once, and escaped for its destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.plain_text import clean, clean_line, markdown_cell


@given(st.text())
def test_clean_is_idempotent_and_printable(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert all(c.isprintable() or c in "\n\t\u200c\u200d" for c in cleaned)
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dog\0cat", "dog cat"),
        ("do\ng\tcat\r\n", "do g cat"),
        ("\ufeffdog\u200b \u202ecat\u00a0house", "dog cat house"),
        ("\x1b[31mred", "[31mred"),
        ("half \ud83d a smile", "half ? a smile"),
        ("\N{DOG FACE} na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve \u732b", "\N{DOG FACE} na\u00efve \u732b"),
        ("\0\n", ""),
    ],
)
def test_name_becomes_one_printable_line(text: str, line: str) -> None:
    assert clean_line(text) == line


def test_long_line_is_truncated() -> None:
    assert clean_line("word " * 100, 20) == "word word word wo..."
    assert len(markdown_cell("x" * 1000)) == 200


@pytest.mark.parametrize(
    "text",
    [
        "CC BY | see terms\n\n## Scores\n\n<img src=x onerror=alert(1)>",
        "[free](javascript:alert(1)) ![t](http://127.0.0.1:9/beacon.png)",
        "<script>alert(1)</script>",
        "`code` *bold* _it_ ~~gone~~ $x$",
        "https://example.org www.example.org me@example.org",
        "a \\| b",
        "&lt;b&gt; &#60;img&#62;",
    ],
)
def test_markdown_cell_escapes_all_markup(text: str) -> None:
    cell = markdown_cell(text)
    for special in "|<>[]`*~$&@":
        assert cell.count(special) == cell.count(f"\\{special}")
    assert "\n" not in cell and "http://" not in cell and "https://" not in cell and "www.e" not in cell
    assert cell.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == clean_line(text)
