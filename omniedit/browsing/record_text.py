"""A pair's record as text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from omniedit.exchange.candidates import describe_judge
from omniedit.plain_text import clean_line

WIDTH = 18
SUB_SCORES = {"sc_score_1": "edit succeeded", "sc_score_2": "nothing else changed", "pq_score": "image quality"}
Record = Mapping[str, Any]


def format_record(record: Record) -> list[str]:
    """Return a record as lines: the pair, its provenance, scores, decision, and the command that remakes it."""
    lines = [record["pair_id"], ""]
    if "task" in record:
        lines += _format_pair(record)
    for title, name in (("scores", "scores"), ("teacher's scores", "teacher_scores")):
        lines += _format_scores(title, record[name])
    lines += _format_facts("imported scores", record.get("imported_scores") or {})
    lines += _format_decision(record)
    lines += ["", "file", *_rows({"file": record["file"], "row": record.get("row")})]
    lines += ["", "command to remake it", f"  {record['command'] or 'no rule of the workflow makes this file'}"]
    problems = [f"  {clean_line(problem)}" for problem in record["problems"]]
    return [*lines, "", "cannot be read", *problems] if problems else lines


def _format_pair(record: Record) -> Iterator[str]:
    main, *paraphrases = record["instructions"]
    width, height = record["size"]
    share = record["mask_share"]
    yield from _rows(
        {
            "instruction": main,
            **{f"paraphrase {number}": text for number, text in enumerate(paraphrases, 1)},
            "task": record["task"],
            "folder": record["folder"],
            "source caption": record["captions"]["source"],
            "edited caption": record["captions"]["edited"],
            "session": record["session"],
            "turn": record["turn"],
            "size": f"{width} x {height} pixels",
            "mask": "none" if share is None else f"{100 * share:.1f} % of the image",
            **{f"reference {number}": _format_reference(each) for number, each in enumerate(record["references"], 1)},
        }
    )
    yield from _format_facts("provenance", record["provenance"])
    yield from _format_facts("shard", record["shard"])


def _format_reference(reference: Record) -> str:
    width, height = reference["size"]
    caption = reference.get("caption")
    return f"{reference['role']}, {width} x {height} pixels" + (f": {caption}" if caption else "")


def _format_scores(title: str, scores: Record | None) -> list[str]:
    if scores is None:
        return []
    judge = describe_judge(scores)
    if scores.get("status") == "unscorable":
        return ["", title, *_rows({"judge": judge, "unscorable": scores.get("reasoning")})]
    values = {"O": scores.get("o_score")} | {label: scores.get(name) for name, label in SUB_SCORES.items()}
    numbers = {name: "none" if value is None else f"{value:.2f}" for name, value in values.items()}
    facts = {"judge": judge, **numbers, "rationale": scores.get("reasoning"), "rubric": scores.get("prompt_hash")}
    return ["", title, *_rows(facts)]


def _format_decision(record: Record) -> list[str]:
    decision, by_hand = record["decision"], record.get("by_hand")
    facts: dict[str, Any] = {"decision": "none yet"}
    if decision:
        facts = {"decision": "accepted" if decision["kept"] else "rejected", "reason": decision["reason"]}
    if by_hand:
        facts |= {"by hand": f"{by_hand['decision']} by {by_hand['who']}, {by_hand['when']}", "note": by_hand["note"]}
    return ["", "decision", *_rows(facts)]


def _format_facts(title: str, facts: Record) -> list[str]:
    return ["", title, *_rows(facts)] if facts else []


def _rows(facts: Record) -> Iterator[str]:
    """Yield a line for each fact that is known, with control characters removed."""
    for name, value in facts.items():
        if value is None or value == "":
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {clean_line(str(name)):<{WIDTH}}  {clean_line(text)}"
