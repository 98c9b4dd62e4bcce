"""Downloads from a model hub: complete, verified, without code, and resumed after an interruption."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from httpx2 import ConnectError

from helpers.chain import REPOSITORY, checkout, environment, options, rules_to_run
from helpers.hub_entry import ENTRY, REVISION
from helpers.preloaded import run_snakemake
from omniedit.errors import UserError
from omniedit.models.hub import hub_errors, is_wanted
from omniedit.models.registry import MODELS, ModelEntry, model_folder

CHUNK = 10 * 1024 * 1024
"""Chunk size of huggingface_hub, which resumes a download after the last complete chunk."""


WEIGHTS, CONFIG = os.urandom(CHUNK + 2000), b'{"layers": 2}'


FILES = {
    "model_index.json": CONFIG,
    "unet/model.safetensors": WEIGHTS,
    "unet/pytorch_model.bin": b"a pickle",
    "modeling_tiny.py": b"import os",
}


class Hub(ThreadingHTTPServer):
    """Hub with the repository lab/tiny at one revision, and lab/gated, whose licence must be accepted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = dict(FILES)
        self.cuts = 0
        """Number of further replies with weights that break off before their end."""
        self.requests: Counter[str] = Counter()
        self.ranges: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requests[f"{self.command} {path}"] += 1
        if path == "/api/models/lab/tiny":
            self.reply(json.dumps({"id": "lab/tiny", "sha": REVISION}).encode())
        elif path == f"/api/models/lab/tiny/tree/{REVISION}":
            self.reply(json.dumps([hub_entry(*file) for file in FILES.items()]).encode())
        elif path.startswith(f"/lab/tiny/resolve/{REVISION}/"):
            self.file(path.split(f"{REVISION}/")[1])
        elif "lab/gated" in path:
            self.reply(b"{}", 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        elif "lab/tiny" in path:
            self.reply(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            self.reply(b"{}", 401, {"X-Error-Code": "RepoNotFound"})

    def file(self, name: str) -> None:
        content, file = self.server.files[name], hub_entry(name, FILES[name])
        etag = file["lfs"]["oid"] if "lfs" in file else file["oid"]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        status = 200
        if wanted := self.headers.get("Range"):
            self.server.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        self.reply(content, status, headers)

    def reply(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if "safetensors" in self.path and self.server.cuts:
            self.server.cuts -= 1
            content, self.close_connection = content[:-1000], True
        self.wfile.write(content)


def hub_entry(name: str, content: bytes) -> dict:
    """Return the entry of a file in the hub's tree: small files by Git hash, weights by sha256."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {"type": "file", "path": name, "size": len(content), "oid": git}
    if name.endswith((".safetensors", ".bin")):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(hub: Hub, root: Path, *options: str, **changes: object) -> subprocess.CompletedProcess[str]:
    """Run scripts/fetch_models.py in a separate folder with its own cache."""
    (root / "config").mkdir(exist_ok=True)
    (root / MODELS).write_text(yaml.safe_dump({"base": {**ENTRY, **changes}}))
    program = [sys.executable, str(REPOSITORY / "scripts/fetch_models.py"), "base", *options]
    variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(root / "cache"), "HF_HUB_OFFLINE": "0"}
    return subprocess.run(program, cwd=root, env={**os.environ, **variables}, capture_output=True, text=True)


def error_lines(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


def folder(root: Path) -> Path:
    return model_folder("base", root / MODELS, root / "models")


def test_fetched_model_has_its_files_and_no_code(hub: Hub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path).returncode == 0
    found = {path.relative_to(folder(tmp_path)).as_posix() for path in folder(tmp_path).rglob("*") if path.is_file()}
    assert found == {"model_index.json", "unet/model.safetensors"}
    assert (folder(tmp_path) / "unet/model.safetensors").read_bytes() == WEIGHTS
    record = json.loads((tmp_path / "models/base.json").read_text())
    assert record["revision"] == REVISION and record["class"] == ENTRY["class"]
    assert record["files"]["unet/model.safetensors"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert fetch(hub, tmp_path).returncode == 0
    assert hub.requests[f"GET /lab/tiny/resolve/{REVISION}/unet/model.safetensors"] == 1


def test_only_listed_file_patterns_are_fetched(hub: Hub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path, files=["*.json"], memory_gb=0).returncode == 0
    assert [path.name for path in folder(tmp_path).rglob("*") if path.is_file()] == ["model_index.json"]


def test_interrupted_download_resumes_where_it_broke_off(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = 1
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert hub.ranges == [f"bytes={CHUNK}-"]
    assert (folder(tmp_path) / "unet/model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["unet/model.safetensors", "model_index.json"])
def test_wrong_content_of_the_right_size_is_rejected_and_fetched_again(name: str, hub: Hub, tmp_path: Path) -> None:
    hub.files[name] = bytes(len(FILES[name]))
    assert name in error_lines(fetch(hub, tmp_path))
    assert not (tmp_path / "models/base.json").exists()
    hub.files = FILES
    assert fetch(hub, tmp_path).returncode == 0
    assert (folder(tmp_path) / name).read_bytes() == FILES[name]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repository": "lab/gated", "licence": "Lab License"}, ["/lab/gated", "Lab License", "hf auth login"]),
        ({"repository": "lab/nothing"}, ["/lab/nothing", "no such model"]),
        ({"revision": "f" * 40}, ["config/models.yaml: base", "no revision ffff"]),
        ({"revision": None}, ["scripts/fetch_models.py base --pin && snakemake --force"]),
        ({"revision": "main"}, ["base.revision", '"main"']),
        ({"files": ["*.bin"]}, ["lab/tiny", "no .safetensors"]),
    ],
)
def test_failed_fetch_reports_one_line_with_remedy(changes: dict, words: list[str], hub: Hub, tmp_path: Path) -> None:
    line = error_lines(fetch(hub, tmp_path, **changes))
    assert all(word in line for word in words), line
    assert not (tmp_path / "models/base.json").exists()


def test_missing_connection_reports_one_line() -> None:
    with pytest.raises(UserError, match="/lab/tiny: refused"), hub_errors("base", ModelEntry.model_validate(ENTRY)):
        raise ConnectError("refused")


def test_fetch_rule_runs_online_for_the_roles_of_a_config(hub: Hub, tmp_path: Path) -> None:
    root = checkout(tmp_path, {"models": {"roles": ["base"]}})
    (root / "config").unlink()
    shutil.copytree(REPOSITORY / "config", root / "config")
    (root / MODELS).write_text(yaml.safe_dump({"base": ENTRY}))
    variables = {**environment(), "HF_ENDPOINT": hub.address, "HF_HOME": str(root / "cache")}
    done = run_snakemake(options("fetch_models"), root, variables)
    assert done.returncode == 0, done.stderr
    assert folder(root).is_dir()
    assert not rules_to_run(root, "fetch_models") - {"fetch_models"}
    (root / MODELS).write_text(yaml.safe_dump({"base": {**ENTRY, "revision": "f" * 40}}))
    assert "fetch_model" in rules_to_run(root, "fetch_models")


def test_pin_writes_the_newest_revision_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    done = fetch(hub, tmp_path, "--pin", revision=None)
    assert done.returncode == 0 and REVISION in done.stdout
    assert yaml.safe_load((tmp_path / MODELS).read_text()) == {"base": ENTRY}


def test_model_folder_with_lost_files_or_a_changed_entry_is_rejected(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not fetched; .*snakemake --force .*models/base.json"):
        fetch(hub, tmp_path, revision=None)
        folder(tmp_path)
    fetch(hub, tmp_path)
    weights = folder(tmp_path) / "unet/model.safetensors"
    weights.resolve().write_bytes(b"")
    with pytest.raises(UserError, match=r"unet/model.safetensors is missing \(1 in all\); .*snakemake --force"):
        folder(tmp_path)
    weights.resolve().write_bytes(WEIGHTS)
    assert folder(tmp_path).is_dir()
    (tmp_path / MODELS).write_text(yaml.safe_dump({"base": {**ENTRY, "revision": "f" * 40}}))
    with pytest.raises(UserError, match="differs from what was fetched"):
        folder(tmp_path)


def test_only_file_types_without_code_are_fetched() -> None:
    names = ["a.safetensors", "a/b.json", "a/m.fp16.safetensors", "a.bin", "a.pt", "a.py", "a.ckpt"]
    assert [name for name in names if is_wanted(name, ["*"])] == names[:3]
    assert [name for name in names if is_wanted(name, ["*/*"])] == names[1:3]
