"""Server of the page of `omniedit browse`, for this machine only: pairs have numbers, and images have fixed names."""

import re
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from math import isfinite
from typing import Any

import cv2

from omniedit.browsing.catalog import Catalog
from omniedit.browsing.local_server import HttpError, HttpReply, LocalServer, as_json, run_action
from omniedit.browsing.pair_record import image_format
from omniedit.browsing.select import BY_HAND, ORDERS, IndexQuery
from omniedit.imaging.images import decode_image
from omniedit.reporting.page import shrink_to_area
from omniedit.scoring.human_decisions import MAX_NOTE_LENGTH, Decision

IMAGE = re.compile(r"/image/(\d{1,9})/(source|edited|mask|reference-\d{1,3})/(thumb|screen|stored)")
PIXELS = {"thumb": 30_000, "screen": 1_500_000}
"""Largest area in pixels of a scaled image."""
JPEG_QUALITY = 88
SHOWN_BY_BROWSERS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_ROWS = 200


class BrowseServer(LocalServer):
    """Server of the page for one catalog. It raises the errors of `LocalServer`."""

    def __init__(self, catalog: Catalog, port: int) -> None:
        super().__init__(port)
        self.catalog = catalog

    def answer_get(self, path: str, values: Mapping[str, str]) -> HttpReply | None:
        if path == "/api/run":
            return as_json(self.catalog.describe())
        if path == "/api/pairs":
            offset, limit = _whole(values, "offset", 0, 1 << 40), _whole(values, "limit", 60, MAX_ROWS)
            return as_json(self.catalog.list_pairs(parse_query(values), offset, limit))
        if match := re.fullmatch(r"/api/pair/(\d{1,9})", path):
            return as_json(self.catalog.read_pair(int(match[1])))
        if match := IMAGE.fullmatch(path):
            return send_image(self.catalog.read_image(int(match[1]), match[2]), match[3])
        return None

    def post(self, path: str, body: bytes) -> HttpReply:
        return run_action(POSTS.get(path), self.catalog, body, ("number", int, "give the number of a pair"))


def parse_query(values: Mapping[str, str]) -> IndexQuery:
    """Return the filters of a request.

    Raises:
        HttpError: a value is not valid.
    """
    texts = {name: values.get(name, "") for name in ("task", "reason", "judge", "ratio", "text", "by_hand")}
    order = values.get("order", ORDERS[0])
    if order not in ORDERS or texts["by_hand"] not in ("", *BY_HAND):
        raise HttpError(HTTPStatus.BAD_REQUEST, "order or by_hand has an unknown value")
    return IndexQuery(**texts, least=_score(values, "least"), most=_score(values, "most"), order=order)


def _score(values: Mapping[str, str], name: str) -> float | None:
    try:
        score = float(values[name]) if values.get(name) else None
    except ValueError:
        score = float("nan")
    if score is not None and not isfinite(score):
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name} is not a number")
    return score


def _whole(values: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) <= maximum):
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name} is not a whole number from 0 to {maximum}")
    return int(text)


def send_image(encoded: bytes, size: str) -> HttpReply:
    """Return an image as stored, or scaled down as JPEG; a stored format that browsers do not show becomes PNG."""
    if not encoded:
        raise HttpError(HTTPStatus.NOT_FOUND, "no such image")
    content_type = SHOWN_BY_BROWSERS.get(image_format(encoded))
    if size == "stored" and content_type:
        return HttpReply(encoded, content_type, may_cache=True)
    bgr = cv2.cvtColor(shrink_to_area(decode_image(encoded), PIXELS.get(size, sys.maxsize)), cv2.COLOR_RGB2BGR)
    suffix, content_type = (".png", "image/png") if size == "stored" else (".jpg", "image/jpeg")
    options = [] if size == "stored" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return HttpReply(cv2.imencode(suffix, bgr, options)[1].tobytes(), content_type, may_cache=True)


def _decide(catalog: Catalog, body: dict[str, Any]) -> dict[str, Any]:
    """Record a decision: number, pair_id, decision and, optionally, note and the decision that it undoes.

    Raises:
        ValueError: it is not a decision.
    """
    note = body.get("note", "")
    if not isinstance(note, str) or len(note) > MAX_NOTE_LENGTH:
        raise ValueError(f"note must be a text of at most {MAX_NOTE_LENGTH} characters")
    pair_id, decision = str(body.get("pair_id")), Decision(str(body.get("decision")))
    return catalog.decide(body["number"], pair_id, decision, note, body.get("undoes"))


POSTS: dict[str, Callable[[Catalog, dict[str, Any]], dict[str, Any]]] = {"/api/decide": _decide}
