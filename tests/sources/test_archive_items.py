"""Tests that an archive which cannot be opened or fully read raises an error that names it."""

import functools
import http.server
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.tars import GOOD, make_tar
from omniedit.errors import UserError
from omniedit.sources import archive_items
from omniedit.sources.archive_items import ArchivedPhoto, open_archive
from omniedit.sources.archive_stream import READERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.tar").write_bytes(make_tar(*GOOD))
    pq.write_table(pa.table({"image": [b"one", b"two", b"three"]}), tmp_path / "a.parquet")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def images(archive: str, kind: str) -> list[bytes]:
    with open_archive(archive) as file:
        return [entry.encoded for entry in READERS[kind](file, "x") if isinstance(entry, ArchivedPhoto)]


@pytest.mark.parametrize(("kind", "name"), [("webdataset", "a.tar"), ("parquet", "a.parquet")])
def test_archive_is_read_from_local_and_remote_file_systems(kind: str, name: str, folder: Path) -> None:
    fsspec.filesystem("memory").pipe_file(f"/{name}", (folder / name).read_bytes())
    for archive in (str(folder / name), f"file://{folder / name}", f"memory://{name}"):
        assert images(archive, kind) == [b"one", b"two", b"three"]


@pytest.mark.parametrize(("kind", "name"), [("webdataset", "a.tar"), ("parquet", "a.parquet")])
def test_archive_is_read_over_http(kind: str, name: str, server: str) -> None:
    pytest.importorskip("aiohttp")
    assert images(f"{server}/{name}", kind) == [b"one", b"two", b"three"]
    with pytest.raises(UserError, match=rf"^{server}/b\.tar: no such archive"):
        images(f"{server}/b.tar", kind)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "the server answers 401 Unauthorized; check the credentials"),
        (403, "the server answers 403 Forbidden; check the credentials"),
        (404, "no such archive; correct its address"),
        (410, "the server answers 410 Gone; correct its address"),
        (429, "the server answers 429 Too Many Requests; run snakemake again later"),
        (500, "the server answers 500 Internal Server Error; run snakemake again later"),
        (503, "the server answers 503 Service Unavailable; run snakemake again later"),
    ],
)
def test_http_error_status_is_reported_with_a_remedy(status: int, message: str) -> None:
    pytest.importorskip("aiohttp")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def do_HEAD(self) -> None:
            self.send_error(status)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{httpd.server_port}/a.tar"
        with pytest.raises(UserError) as error:
            images(url, "webdataset")
        httpd.shutdown()
    assert str(error.value).startswith(f"{url}: {message}")


def test_unreachable_server_is_not_reported_as_a_missing_archive() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(UserError, match=r"cannot be opened: .*[Cc]onnect"):
        images("http://127.0.0.1:9/a.tar", "webdataset")


def test_lfs_pointer_or_pipe_in_place_of_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    os.mkfifo(tmp_path / "b.tar")
    for name, message in (("a.tar", "a Git LFS pointer"), ("b.tar", "a pipe, socket or device, not a file")):
        with pytest.raises(UserError, match=f"cannot be opened: {message}"):
            images(str(tmp_path / name), "webdataset")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "an HTML page; correct its address or its credentials"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "HTML or XML text, such as a server's error"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
    ],
)
def test_page_in_place_of_a_remote_archive_is_named(content: bytes, told: str) -> None:
    with fsspec.open("memory://page.tar", "wb") as file:
        file.write(content)
    with pytest.raises(UserError, match=f"memory://page.tar: cannot be read: {told}"):
        images("memory://page.tar", "webdataset")


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        ("nowhere.tar", "nowhere.tar: no such archive; correct its address"),
        ("memory://nowhere.tar", "memory://nowhere.tar: no such archive"),
        (".", ".: cannot be opened: "),
        ("gopher://a/b.tar", "gopher://a/b.tar: cannot be opened: Protocol not known: gopher"),
        ("oss://a/b.tar", "oss://a/b.tar: its protocol needs a package that is not installed: Install ossfs"),
    ],
)
def test_unopenable_archive_is_named(archive: str, message: str) -> None:
    with pytest.raises(UserError) as error, open_archive(archive):
        pass
    assert str(error.value).startswith(message)


class _Hiccup(io.BytesIO):
    """Connection that fails in the middle of a file."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() + (size or 0) > len(self.getvalue()) // 2 and self.tell() > 0:
            raise ConnectionResetError("Connection reset by peer")
        return super().read(size)


@pytest.mark.parametrize("kind", READERS)
def test_broken_connection_is_not_the_end_of_the_archive(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = make_tar(*((f"{i}.jpg", bytes(1 << 20)) for i in range(8)))
    if kind == "parquet":
        file = io.BytesIO()
        table = pa.table({"image": [bytes(1 << 20)] * 8})
        pq.write_table(table, file, compression="none", use_dictionary=False, row_group_size=2)
        content = file.getvalue()

    class Opener:
        def open(self) -> Any:
            return _Hiccup(content)

    monkeypatch.setattr(archive_items.fsspec, "open", lambda *_: Opener())
    with pytest.raises(UserError, match=r"^s3://a/b: reading failed: Connection reset by peer; run snakemake again"):
        images("s3://a/b", kind)
