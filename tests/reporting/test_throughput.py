import pytest

from omniedit.reporting.page import NO_VALUE
from omniedit.reporting.throughput import duration, job_rows, part_rows, read_jobs, read_loops
from omniedit.specialists.learned.device_share import CpuTimestamp, DeviceClock
from omniedit.storage.progress import Progress

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(tmp_path, name, benchmark, log):
    for folder, suffix, text in (("benchmarks", ".tsv", HEAD + benchmark), ("logs", ".log", log)):
        path = (tmp_path / folder / name).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_times_items_and_waits_are_summed_over_the_jobs_of_a_stage(tmp_path):
    job(tmp_path, "score/a_b/00000", "10.0\t0:00:10\t2048\t-\t-\t-\t-\t-\t90\t8.0\n", done(30, 6.0, 50))
    job(tmp_path, "score/c/00000", "10.0\t0:00:10\t100\t-\t-\t-\t-\t-\t90\t2.0\n", done(10, 4.0, 25))
    jobs = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    (row,) = job_rows("score", jobs)
    assert row.cells == ["score", "2", "20.0 s", "0.5", "2.00 GiB", "40 pairs", "4.00 / s", "40 %", NO_VALUE]
    assert [row.cells[0:3:2] + row.cells[5:6] for row in part_rows(jobs)] == [
        ["a b", "10.0 s", "30 pairs"],
        ["c", "10.0 s", "10 pairs"],
    ]


def test_report_pages_are_one_stage_without_the_throughput_page(tmp_path):
    for name in ("report_gallery/object_swap", "report_filter", "report_throughput"):
        job(tmp_path, name, "1.0\t0:00:01\t-\t-\t-\t-\t-\t-\t-\tNA\n", "")
    jobs = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert [(job.stage, job.part) for job in jobs] == [("report", "filter"), ("report", "gallery")]


def test_each_counted_unit_has_its_own_row(tmp_path):
    log = done(5, 2.0, 100).replace("pairs", "examples")
    log += done(4, 2.0, 0) + done(2, 1.0, 0).replace("pairs", "pairs of x")
    job(tmp_path, "bench_edit/editnet", "9.0\t0:00:09\t1\t-\t-\t-\t-\t-\t90\t9.0\n", log)
    rows = job_rows("bench edit", read_jobs(tmp_path / "benchmarks", tmp_path / "logs"))
    assert [row.cells[5:] for row in rows] == [
        ["5 examples", "2.50 / s", "100 %", NO_VALUE],
        ["6 pairs", "2.00 / s", "0 %", ""],
    ]


def test_device_use_is_averaged_by_time(tmp_path):
    class Hours(DeviceClock):
        def __init__(self, seconds, shares):
            super().__init__("cpu")
            self.shares, self._first = shares, CpuTimestamp()
            self._last = CpuTimestamp()
            self._last.at = self._first.at + seconds

        def busy(self):
            return sum(self.shares.values()), self.shares

    benchmark = "10.0\t0:00:10\t1\t-\t-\t-\t-\t-\t90\t9.0\n"
    for name, clock in (("0", Hours(3000, {"style": 0.9})), ("1", Hours(1000, {"style": 0.4, "detector": 0.1}))):
        job(
            tmp_path,
            f"synthesize/style_transfer/{name}",
            benchmark,
            f"done: 2/2 pairs, 0.10 pairs/s, 20.0 s\n{clock}\n",
        )
    job(tmp_path, "synthesize/style_transfer/2", benchmark, f"{DeviceClock('cpu')}\n")
    (row,) = job_rows("synthesize", read_jobs(tmp_path / "benchmarks", tmp_path / "logs"))
    assert row.cells[5:] == ["4 pairs", "0.10 / s", NO_VALUE, "80 %"]


def test_unmeasured_waits_are_not_printed(capsys):
    with Progress("pairs", total=1) as progress:
        progress.advance()
    printed = capsys.readouterr().out
    assert "waiting" not in printed and read_loops(printed)[0].waiting_s is None
    with Progress("pairs", total=1) as progress, progress.waiting():
        progress.advance()
    assert "% waiting for input" in capsys.readouterr().out


def test_the_duration_of_a_short_loop_follows_from_its_rate():
    (loop,) = read_loops("done: 1/1 edits, 30.46 edits/s, 0.0 s, 15 % waiting for input\n")
    assert loop.seconds == pytest.approx(1 / 30.46)


def done(items, seconds, waiting):
    rate = items / seconds
    return f"noise\ndone: {items}/{items} pairs, {rate:.2f} pairs/s, {seconds:.1f} s, {waiting} % waiting for input\n"


def test_progress_lines_are_parsed(capsys):
    with Progress("photos", total=2) as progress:
        progress.advance(2)
    with Progress("pairs of object_swap", total=10) as progress:
        progress.advance(9)
    photos, pairs = read_loops(capsys.readouterr().out)
    assert (photos.unit, photos.items, pairs.unit, pairs.items) == ("photos", 2, "pairs", 9)


def test_loops_that_ended_early_are_counted():
    (loop,) = read_loops("done: 4/10 pairs, 0.35 pairs/s, 11.5 s, 17 s left, 0 % waiting for input\n")
    assert (loop.items, loop.seconds) == (4, 11.5)


def test_durations_are_printed_with_units():
    assert [duration(s) for s in (7.34, 245, 7830)] == ["7.3 s", "4 min 05 s", "2 h 10 min"]
