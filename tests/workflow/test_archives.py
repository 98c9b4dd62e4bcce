"""Archives as sources: one job converts each archive to its shard, and a change leaves other shards unchanged."""

import base64
import functools
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers.chain import SAMPLE, SMALL, checkout, rules_to_run, shrink_sample, snakemake
from helpers.tars import Entry, make_tar
from omniedit.pairs import Shard
from omniedit.sources.photo_shard import PhotoShard

INDEX = "results/small/sources/index.parquet"
TARGETS = (INDEX, "results/small/objects/00001.parquet", "results/small/candidates/style_transfer/00002.h5")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run on one tar of five photos, one of four, and one with a single unreadable photo."""
    config = {
        **SMALL,
        "sources": {**SMALL["sources"], "kind": "webdataset", "path": "archives/{0..2}.tar", "shards": 3},
    }
    root = checkout(tmp_path_factory.mktemp("archives"), config)
    shrink_sample(root / "photos")
    lines = [json.loads(line) for line in (SAMPLE / "sample.jsonl").read_text().splitlines()]
    (root / "archives").mkdir()
    for number, part in enumerate((lines[:5], lines[5:], [])):
        entries = [
            entry for key, line in enumerate(part) for entry in describe_archives(f"{key:04d}", line, root / "photos")
        ]
        (root / f"archives/{number}.tar").write_bytes(make_tar(*(entries or [("0000.jpg", b"no photo")])))
    snakemake(root, *TARGETS)
    return root


def describe_archives(key: str, line: dict, photos: Path) -> list[Entry]:
    return [(f"{key}.jpg", (photos / line["file"]).read_bytes()), (f"{key}.json", json.dumps(line).encode())]


def test_each_archive_is_one_shard_without_benchmark_photos(root: Path) -> None:
    sources = root / "results/small/sources"
    rows = pq.read_table(root / INDEX).to_pylist()
    assert [row["status"] for row in rows] == ["kept"] * 9 + ["refused"]
    photos: dict[str, str] = {}
    for shard in ("00000", "00001", "00002", "bench"):
        with PhotoShard(sources / f"{shard}.tar") as packed:
            assert not photos.keys() & set(packed.names)
            photos |= dict.fromkeys(packed.names, shard)
    assert photos == {row["source_id"]: row["shard"] for row in rows[:9]}
    assert list(photos.values()).count("bench") == 2 and list(photos.values()).count("00000") == 3
    bench = pq.read_table(sources / "bench.parquet").to_pylist()
    assert {(row["source_id"], row["sha256"]) for row in bench} == {
        (row["source_id"], row["sha256"]) for row in rows if row["shard"] == "bench"
    }


def test_archive_without_photos_gives_an_empty_shard(root: Path) -> None:
    with Shard(root / TARGETS[2]) as candidates:
        assert len(candidates) == 0


def test_only_an_archive_with_changed_content_is_converted_again(root: Path) -> None:
    archive = root / "archives/1.tar"
    for path in (root / "archives").iterdir():
        path.touch()
    assert rules_to_run(root, *TARGETS) == set()
    (root / "archives").rename(root / "moved")
    assert rules_to_run(root, *TARGETS, "--config", "sources={'path': 'moved/{0..2}.tar'}") == set()
    (root / "moved").rename(root / "archives")
    before = archive.read_bytes()
    archive.write_bytes(before.replace(b"0000.jpg", b"0009.jpg").replace(b"0000.json", b"0009.json"))
    planned = snakemake(root, "--dry-run", *TARGETS)
    assert set(re.findall(r"^Job \d+: (.*); ", planned, re.MULTILINE)) == {
        "Stream photos from archives/1.tar",
        "Find the objects in the photos of 00001",
        "Gather the index of all archives",
    }
    archive.write_bytes(before)
    assert rules_to_run(root, *TARGETS) == set()


def test_secrets_of_an_address_appear_only_in_the_jobs_environment(root: Path, tmp_path: Path) -> None:
    """Check the commands (which `ps` shows), logs, config.json, the index and Snakemake's own records."""
    pytest.importorskip("aiohttp")
    index = "results/small/sources/index/00000.parquet"
    with private_server(root / "archives", "bob:hunter2", "t0ps3cret") as address:
        path = f"http://bob:hunter2@{address}/{{0..2}}.tar?part=1&sig=t0ps3cret"
        sources = {**SMALL["sources"], "kind": "webdataset", "path": path, "shards": 1}
        folder = checkout(tmp_path, {**SMALL, "sources": sources})
        printed = snakemake(folder, "--printshellcmds", index)
        rows = pq.read_table(folder / index).to_pylist()
    assert [row["file"] for row in rows] == [f"0.tar/{number:04d}.jpg" for number in range(5)]
    assert f"http://***@{address}/0.tar?part=1&sig=***" in printed
    written = [path for name in ("results", "logs", "benchmarks", ".snakemake") for path in (folder / name).rglob("*")]
    texts = {"what Snakemake prints": printed.encode()} | {f"{p}": p.read_bytes() for p in written if p.is_file()}
    shown = [name for name, text in texts.items() if b"hunter2" in text or b"t0ps3cret" in text]
    assert shown == []


@contextmanager
def private_server(folder: Path, user: str, signature: str) -> Iterator[str]:
    """Serve a folder to clients that send the user's password and the signature; yield the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if self.is_known():
                super().do_HEAD()

        def do_GET(self) -> None:
            if self.is_known():
                super().do_GET()

        def is_known(self) -> bool:
            expected = f"Basic {base64.b64encode(user.encode()).decode()}"
            if self.headers.get("Authorization") == expected and self.path.endswith(f"&sig={signature}"):
                return True
            self.send_error(401)
            return False

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_folder_of_archives_expands_to_its_archives(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "archives", tmp_path / "archives")
    (tmp_path / "archives/words.txt").touch()
    config = {**SMALL, "sources": {**SMALL["sources"], "kind": "webdataset", "path": "archives", "shards": 2}}
    targets = ("results/small/scores/style_transfer/00001.parquet", "results/small/sources/bench.parquet")
    planned = snakemake(checkout(tmp_path, config), "--dry-run", *targets)
    assert "from archives/1.tar" in planned and "from archives/0.tar" in planned and "archives/2.tar" not in planned
    assert "gather_index" not in planned
