"""Tests for the efficiency page, with values as sacct 22.05 prints them."""

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.run.accounting import FIELDS, PREEMPTED_STATES, accounting, by_rule, mebibytes, read_attempts, seconds
from omniedit.run.efficiency import advice, efficiency_page, rule_row, rules_to_advise

CHECKOUT = Path("/shared/omniedit")
Rows = list[dict[str, str]]


def job(number: int, rule: str, wildcards: str, state: str = "COMPLETED", workdir: Path = CHECKOUT, **fields) -> Rows:
    """Return the rows of a job and its batch step: one hour requested, ten minutes used on 8 cores and a GPU."""
    line = f"sbatch --parsable --job-name omniedit_1 -C a|b -D {workdir} --wrap=python -m snakemake"
    line += f" --snakemake '{workdir}/Snakefile' --target-jobs '{rule}:{wildcards}' --allowed-rules {rule}"
    values = {
        **{"JobID": f"{number}", "State": state, "ElapsedRaw": "600", "TimelimitRaw": "60", "AllocCPUS": "8"},
        **{"TotalCPU": "40:00.500", "NNodes": "1", "MaxRSS": "3000M", "TRESUsageInAve": "cpu=00:40:00,mem=3000M"},
        "AllocTRES": "billing=8,cpu=8,gres/gpu:h100=1,gres/gpu=1,mem=48000M,node=1",
        **{
            "Submit": "2026-11-21T10:00:00",
            "Start": "2026-11-21T10:05:00",
            "WorkDir": f"{workdir}",
            "SubmitLine": line,
        },
        **fields,
    }
    own = {**values, "MaxRSS": "", "TRESUsageInAve": ""}
    empty = dict.fromkeys(FIELDS, "")
    step = {**empty, **{name: values[name] for name in ("State", "ElapsedRaw", "MaxRSS", "TRESUsageInAve", "TotalCPU")}}
    step["JobID"] = f"{number}.batch"
    return [own, step]


def shard(number: int, name: str, state: str = "COMPLETED", **fields) -> Rows:
    return job(number, "score_shard", f"run=mini,task=object_swap,shard={name}", state, **fields)


def test_only_finished_jobs_of_this_run_and_folder_are_read() -> None:
    rows = shard(1, "00000")
    rows += job(2, "score_shard", "run=mini_2,task=object_swap,shard=00000")
    rows += job(3, "score_shard", "run=mini,task=object_swap,shard=00000", workdir=Path("/shared/another"))
    rows += shard(4, "00001", "RUNNING") + shard(5, "00002", "PENDING", AllocTRES="", Start="Unknown")
    rows += shard(6, "00003", SubmitLine="sbatch --wrap=hostname")
    (attempt,) = read_attempts(rows, "mini", CHECKOUT)
    assert (attempt.rule, attempt.part) == ("score_shard", "task=object_swap,shard=00000")


def test_requested_and_used_resources_are_read_from_job_and_steps() -> None:
    usage = "cpu=00:40:00,gres/gpumem=20G,gres/gpuutil=87,mem=3000M"
    fields = {"MaxRSS": "3072000K", "TRESUsageInAve": usage, "NNodes": "2", "TotalCPU": "1-02:00:00"}
    (attempt,) = read_attempts(shard(1, "00000", **fields), "mini", CHECKOUT)
    assert (attempt.waited_s, attempt.ran_s, attempt.limit_s) == (300, 600, 3600)
    assert (attempt.cores, attempt.cpu_s, attempt.gpus, attempt.gpu_busy) == (8, 26 * 3600, 1, 0.87)
    assert (attempt.memory_mb, attempt.peak_mb) == (24000, 3000)


def test_peak_memory_adds_batch_step_and_largest_started_step() -> None:
    own, batch = shard(1, "00000")
    started = [{**batch, "JobID": f"1.{number}", "MaxRSS": f"{gb}000M"} for number, gb in enumerate([5, 9])]
    (attempt,) = read_attempts([own, batch, *started], "mini", CHECKOUT)
    assert attempt.peak_mb == 12000


def test_accounting_records_survive_any_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in a field must not end the record, and bytes need not be UTF-8."""
    own, batch = shard(1, "00000")
    step = {**batch, "JobID": "1.0", "SubmitLine": "srun bash -c export A=1\n9|FAILED|\n9.batch|\udcff\n\n"}
    rows = [own, batch, step, *shard(2, "00001")]
    (tmp_path / "rows").write_text(json.dumps([[row[field] for field in FIELDS] for row in rows]))
    code = """
import json, os, sys
(mark,) = [option.partition("=")[2] for option in sys.argv if option.startswith("--delimiter=")]
for row in json.load(open(os.environ["ROWS"])):
    line = "".join(value + mark for value in row)
    sys.stdout.buffer.write(line.encode(errors="surrogateescape") + bytes([10]))
"""
    (tmp_path / "sacct").write_text(f"#!{sys.executable}{code}")
    (tmp_path / "sacct").chmod(0o755)
    monkeypatch.setenv("ROWS", f"{tmp_path}/rows")
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert accounting(datetime(2026, 11, 21)) == rows
    assert len(read_attempts(rows, "mini", CHECKOUT)) == 2 and read_attempts([], "mini", CHECKOUT) == []


def test_missing_sacct_raises_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}")
    with pytest.raises(UserError, match="sacct: cannot be run: No such file"):
        accounting(datetime(2026, 11, 21))


@pytest.mark.parametrize(("text", "value"), [("40:00.5", 2400.5), ("01:00:00", 3600), ("2-00:00:01", 172801), ("", 0)])
def test_sacct_durations_are_parsed(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("3072K", 3), ("1.5G", 1536), ("48000M", 48000), ("1048576", 1), ("", 0)])
def test_sacct_memory_sizes_are_parsed(text: str, value: float) -> None:
    assert mebibytes(text) == value


def test_retries_and_requeues_count_as_attempts_of_one_job() -> None:
    first = shard(1, "00000", "OUT_OF_MEMORY", ElapsedRaw="60")
    again = shard(2, "00000", AllocTRES="cpu=8,mem=96000M,gres/gpu=1", TimelimitRaw="120")
    requeued = shard(3, "00001", "PREEMPTED") + shard(3, "00001") + shard(4, "00002", "CANCELLED by 1000")
    (use,) = by_rule(read_attempts(first + again + requeued, "mini", CHECKOUT))
    assert rule_row(use).cells[:4] == ["score_shard", "3", "2", "1"]
    assert (use.memory_mb, use.limit_s, use.longest_s) == (48000, 3600, 600)
    assert use.cores_busy == pytest.approx(2400.5 / 4800)
    assert "ran out of memory once at 48.0 GB" in advice(use)[0][0]
    page = efficiency_page("mini", use.attempts)
    assert "out of memory" in page and "cancelled" in page and "AccountingStorageTRES" in page
    assert {attempt.state for attempt in use.attempts} & set(PREEMPTED_STATES)


def test_advice_names_unused_requests_with_their_keys() -> None:
    lines = [row for number in range(5) for row in shard(number, f"{number:05d}", TotalCPU="20:00")]
    (use,) = by_rule(read_attempts(lines, "mini", CHECKOUT))
    lines = advice(use)
    assert [key for _, key in lines] == [
        "set-resources: score_shard: GB",
        "set-resources: score_shard: minutes",
        "set-threads: score_shard",
    ]
    assert "requests 48.0 GB per node and never used more than 3.0 GB; 4 GB would be enough" in lines[0][0]
    assert "took at most 10 min 00 s; 13 minutes would be enough" in lines[1][0]
    assert "requests 8 cores and used 2.0 of them; 2 would be enough" in lines[2][0]


def test_well_used_job_gets_no_advice() -> None:
    used = {"MaxRSS": "40000M", "TimelimitRaw": "15", "TotalCPU": "01:10:00", "Start": "2026-11-21T10:00:10"}
    (use,) = by_rule(read_attempts([row for n in range(6) for row in shard(n, f"{n:05d}", **used)], "mini", CHECKOUT))
    assert advice(use) == []


def test_run_that_mostly_waits_is_advised_to_use_fewer_shards() -> None:
    waited = {"MaxRSS": "40000M", "TimelimitRaw": "15", "TotalCPU": "01:10:00", "Start": "2026-11-21T11:00:00"}
    (use,) = by_rule(read_attempts([row for n in range(6) for row in shard(n, f"{n:05d}", **waited)], "mini", CHECKOUT))
    assert [key for _, key in advice(use)] == ["in the config: sources.shards"]


def test_advice_skips_small_rules_that_never_failed() -> None:
    rows = shard(1, "00000") + job(2, "decide_shard", "run=mini", ElapsedRaw="5")
    rows += job(3, "plan_buckets", "run=mini", "FAILED", ElapsedRaw="5")
    uses = by_rule(read_attempts(rows, "mini", CHECKOUT))
    assert [use.rule for use in rules_to_advise(uses)] == ["score_shard", "plan_buckets"]


def test_page_without_jobs_gives_the_reason() -> None:
    assert "its jobs ran elsewhere" in efficiency_page("mini", [])
    assert "no answer: refused" in efficiency_page("mini", [], "sacct gave no answer: refused.")
