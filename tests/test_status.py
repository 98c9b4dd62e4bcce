"""The state of each job follows from the run's files alone."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from queue_of_slurm import line, pretend_queue

from omniedit import status
from omniedit.config import Config
from omniedit.errors import UserError
from omniedit.status import (
    OF_ARCHIVES,
    OF_FILES,
    STAGES,
    State,
    begun_outputs,
    hourly_rate,
    is_live,
    jobs_of,
    last_line,
    report,
)

RULES = Path(__file__).parents[1] / "workflow/rules"
NOW = 1_000_000.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run of two shards in the middle of its work: done, begun, failed and waiting jobs of object swap."""
    config = Config.model_validate({"run": "mine", "sources": {"shards": 4}})
    write(tmp_path / "results/mine/config.json", config.model_dump_json())
    done = write(tmp_path / "results/mine/candidates/object_swap/00000.h5", "pairs")
    os.utime(done, (NOW - 360, NOW - 360))
    mark(tmp_path, "results/mine/candidates/object_swap/00001.h5")
    write(tmp_path / "logs/mine/synthesize/object_swap/00001.log", "1/9 pairs\r2/9 pairs\n")
    write(tmp_path / "logs/mine/synthesize/object_swap/00002.log", "begins\nerror: no such file\n\n")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mark(root: Path, output: str, longest: int = 255) -> None:
    """Mark an output as begun, as Snakemake does."""
    name = base64.urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + longest - 1] for i in range(0, len(name), longest - 1)]
    write(Path(root, ".snakemake/incomplete", *(f"@{part}" for part in parts[:-1]), parts[-1]), "{}")


def states(root: Path) -> list[State]:
    jobs = [job for job in jobs_of("mine", root) if job.rule == "synthesize_shard"]
    return [job.state for job in jobs if job.wildcards["task"] == "object_swap"]


def test_a_job_is_done_begun_failed_or_waiting(root: Path) -> None:
    assert states(root) == [State.DONE, State.STOPPED, State.FAILED, State.WAITING]


def test_a_job_that_died_before_it_said_anything_failed(root: Path) -> None:
    write(root / "logs/mine/synthesize/object_swap/00003.log", "")
    assert states(root)[3] is State.FAILED


def test_a_config_that_cannot_be_read_is_told(root: Path) -> None:
    write(root / "results/mine/config.json", '{"run": 5}')
    with pytest.raises(UserError, match=r"mine/config\.json: no config of this version .* start the run again"):
        jobs_of("mine", root)


def test_what_waits_in_slurms_queue_does_not_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "is_live", lambda root: True)
    comment = "rule_synthesize_shard_wildcards_mine_object_swap_00001"
    for state, seen in (("PENDING", State.WAITING), ("RUNNING", State.RUNNING)):
        folder = root / f"slurm-{state}"
        monkeypatch.setenv("PATH", pretend_queue(folder, [line(1, comment, root, state)])["PATH"])
        assert states(root)[1] is seen


def test_what_was_begun_runs_while_the_workflow_lives(root: Path) -> None:
    lock = root / ".snakemake/omniedit.lock"
    hold = f"from omniedit.files import hold_lock; hold_lock({str(lock)!r}); print('held', flush=True); input()"
    workflow = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert workflow.stdout is not None
    workflow.stdout.readline()
    assert is_live(root) and states(root)[1] is State.RUNNING
    assert "  synthesize_shard object_swap 00001: 2/9 pairs  (logs/mine/synthesize/object_swap/00001.log)" in report(
        "mine", root, NOW
    )
    workflow.kill()
    workflow.wait()
    assert not is_live(root) and states(root)[1] is State.STOPPED


def test_the_report_counts_and_says_why_a_job_failed(root: Path) -> None:
    lines = report("mine", root, NOW)
    assert lines[0] == "run mine: no workflow is at work here"
    row, by_task = [line.split() for line in lines if line.startswith("synthesize_shard ")]
    assert row == ["synthesize_shard", "1", "1", "1", "25", "10", "2.7", "h"]
    assert by_task == ["synthesize_shard", "1/4", "(1)", *["0/4"] * 6]
    assert lines[-1] == (
        "  synthesize_shard object_swap 00002: error: no such file  (logs/mine/synthesize/object_swap/00002.log)"
    )


def test_long_names_of_outputs_are_read_too(tmp_path: Path) -> None:
    outputs = {"results/mine/" + "deep/" * 30 + "a.h5", "results/mine/b.h5"}
    for output in outputs:
        mark(tmp_path, output, longest=40)
    assert begun_outputs(tmp_path) == outputs


def test_the_rate_is_of_the_last_hour_or_of_the_time_since_the_first() -> None:
    assert hourly_rate([], NOW) == 0
    assert hourly_rate([NOW - 7200], NOW) == 0
    assert hourly_rate([NOW - 7200, NOW - 600, NOW - 60], NOW) == 2
    assert hourly_rate([NOW - 1800, NOW - 60], NOW) == 4


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    assert last_line(tmp_path / "absent.log") == ""
    assert last_line(write(tmp_path / "empty.log", "\n \n")) == ""
    assert last_line(write(tmp_path / "long.log", "x" * 9000 + "\nthe end\n")) == "the end"


def test_a_run_that_was_never_started_is_told_with_those_that_were(root: Path) -> None:
    with pytest.raises(UserError, match=r"results/yours: no run of this name was started here; there are: mine"):
        jobs_of("yours", root)


@pytest.mark.parametrize("stage", [*OF_FILES, *OF_ARCHIVES, *STAGES], ids=lambda stage: stage.rule)
def test_the_stages_are_those_of_the_workflow(stage) -> None:
    text = "".join(path.read_text() for path in RULES.glob("*.smk"))
    (rule,) = re.findall(rf"^ *rule {stage.rule}:\n(.*?)(?=^ *(?:use )?rule |\Z)", text, re.DOTALL | re.MULTILINE)
    output, log = rule.partition(" log:\n")[::2]
    assert f"results/{{run}}/{stage.output}" in output.replace("{{", "{").replace("}}", "}")
    assert f'"logs/{{run}}/{stage.log}"' in log
