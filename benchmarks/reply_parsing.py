"""Measure the processor time that parsing a reply takes, by its length.

    python -m benchmarks.reply_parsing

Prints a line for each text that is repeated up to the length: seconds for a quarter, a half and all of the longest
reply that is parsed. Time that is linear in the length doubles twice.
"""

import time

from omniedit.scoring.reply_form import ReplyForm, Scale
from omniedit.scoring.reply_parser import MAX_CHARACTERS, parse_scores

REPEATED = (
    '{"score": [8, 9],',
    '"a "b" c", "score": [8, 9],',
    "Final Score: 4\n",
    '"\n',
    " ",
    "*",
    "\n",
    "[1]  ",
    "{} ",
    "</think>\n",
    '{"a": "',
)
"""Texts whose repetition took more than linear time in some version of the parser, and others like them."""
FORMS = (
    ReplyForm((Scale(), Scale()), ("success", "restraint")),
    ReplyForm((Scale(1, 5), Scale(1, 5)), ("Prompt Compliance", "Visual Seamlessness"), "Final Score", lines=True),
)


def measure_seconds(text: str) -> float:
    """Return the processor time of parsing a text in each form."""
    start = time.process_time()
    for form in FORMS:
        parse_scores(text, form)
    return time.process_time() - start


def main() -> None:
    for piece in REPEATED:
        lengths = (MAX_CHARACTERS // 4, MAX_CHARACTERS // 2, MAX_CHARACTERS)
        seconds = [measure_seconds(piece * (length // len(piece))) for length in lengths]
        print(f"{piece!r:32}", *(f"{each:8.3f}" for each in seconds), flush=True)


if __name__ == "__main__":
    main()
