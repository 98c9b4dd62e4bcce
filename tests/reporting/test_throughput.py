from omniedit.progress import Progress
from omniedit.reporting.throughput import duration, read_jobs, stage_row

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(tmp_path, name, benchmark, log):
    for folder, suffix, text in (("benchmarks", ".tsv", HEAD + benchmark), ("logs", ".log", log)):
        path = (tmp_path / folder / name).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_time_items_and_waiting_of_a_stage_add_up(tmp_path):
    job(tmp_path, "score/a/00000", "10.0\t0:00:10\t2048\t-\t-\t-\t-\t-\t90\t8.0\n", done(30, 6.0, 50))
    job(tmp_path, "score/b/00000", "10.0\t0:00:10\t100\t-\t-\t-\t-\t-\t90\t2.0\n", done(10, 4.0, 25))
    job(tmp_path, "report_filter", "1.0\t0:00:01\t-\t-\t-\t-\t-\t-\t-\tNA\n", "")
    jobs = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert {j.stage for j in jobs} == {"score"}
    assert stage_row("score", jobs).cells == ["score", "2", "20.0 s", "0.5", "40 pairs", "4.00 / s", "40 %", "2.00 GiB"]


def test_several_loops_of_one_job_add_up(tmp_path):
    log = (
        done(5, 1.0, 0).replace("pairs", "examples") + done(4, 2.0, 0) + done(2, 1.0, 0).replace("pairs", "pairs of x")
    )
    job(tmp_path, "bench_edit/editnet", "9.0\t0:00:09\t1\t-\t-\t-\t-\t-\t90\t8.0\n", log)
    (read,) = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert (read.items, read.unit, read.working_s) == (6, "pairs", 3.0)


def done(items, seconds, waiting):
    rate = items / seconds
    return f"noise\ndone: {items}/{items} pairs, {rate:.2f} pairs/s, {seconds:.1f} s, {waiting} % waiting for input\n"


def test_the_line_that_progress_prints_is_read(tmp_path, capsys):
    with Progress("photos", total=2) as progress:
        progress.advance(2)
    job(tmp_path, "pack", "1.0\t0:00:01\t-\t-\t-\t-\t-\t-\t-\t-\n", capsys.readouterr().out)
    (read,) = read_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert (read.items, read.unit, read.max_rss_mb) == (2, "photos", 0)


def test_durations_read_as_people_say_them():
    assert [duration(s) for s in (7.34, 245, 7830)] == ["7.3 s", "4 min 05 s", "2 h 10 min"]
