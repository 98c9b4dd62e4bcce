"""Run the experts of 40 subjects as 40 jobs of a private Slurm, as root on Debian. Too slow for the suite.

The job of the middle subject is cancelled without a retry; a second run must make that one only.

PYTHONPATH=.:tests python tests/slurm/subjects_by_hand.py --subjects 40
"""

import argparse
import re
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.chain import REPOSITORY, checkout, digest
from helpers.slurm_chain import LONG_S, Ended, name_site, running_job, snakemake_on_slurm
from helpers.slurm_cluster import Cluster, install, run, wait_until
from omniedit.config.loading import load
from omniedit.config.yaml_files import read_yaml
from omniedit.pairs import Shard
from omniedit.subjects.shard_subjects import find_shard_subjects
from omniedit.subjects.subject import write_subjects


def prepare(root: Path, count: int) -> list[str]:
    """Write the config and the subjects of `count` shards; return the files of pairs."""
    given = read_yaml(REPOSITORY / "config/suti.yaml") | {"run": "small", "sources": {"kind": "none", "shards": count}}
    given["subjects"] |= {"per_shard": 1, "resolution": 256}
    checkout(root, given)
    name_site(root)
    config = load(root / "small.yaml")
    for shard in range(count):
        path = root / f"results/small/subjects/{shard:05d}.parquet"
        write_subjects(path, find_shard_subjects(config, shard, count))
    return [f"results/small/candidates/subjects/{shard:05d}.h5" for shard in range(count)]


def list_jobs() -> list[tuple[str, str]]:
    """Return the experts' jobs in Slurm's accounting, each with its shard and its state."""
    lines = run("sacct", "--allocations", "--noheader", "--parsable2", "--format=SubmitLine,State").splitlines()
    return re.findall(r"rule_train_experts_wildcards_\w+_subjects_(\d+).*\|(.+)", "\n".join(lines))


def show(ended: Ended, since: int) -> None:
    """Print how a run ended, and the states of the jobs that it submitted."""
    jobs = list_jobs()[since:]
    print(f"status {ended.status}, {ended.seconds:.0f} s, finished {dict(Counter(ended.finished))}")
    print(f"Slurm: {dict(Counter(state for _, state in jobs))}")
    print("not completed:", [job for job in jobs if job[1] != "COMPLETED"], flush=True)


def run_twice(root: Path, targets: list[str]) -> None:
    """Paint all subjects and cancel one job on the way, then run the same command again."""
    middle = f"{len(targets) // 2:05d}"

    def cancel() -> None:
        job = running_job("train_experts", f"subjects_{middle}")
        log = root / f"logs/small/train_experts/subjects/{middle}.log"
        wait_until(log.exists, "the expert to start", LONG_S)
        run("scancel", job)

    first = snakemake_on_slurm(root, *targets, disturb=cancel, options=["--retries", "0"], preloaded=True)
    show(first, 0)
    made = {target: digest(root / target) for target in targets if (root / target).exists()}
    submitted = len(list_jobs())
    second = snakemake_on_slurm(root, *targets)
    show(second, submitted)
    assert len(made) == len(targets) - 1 and second.status == 0 and second.finished == ["train_experts"]
    assert [shard for shard, _ in list_jobs()[submitted:]] == [middle]
    assert made == {target: digest(root / target) for target in made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=40)
    args = parser.parse_args()
    install()
    with TemporaryDirectory() as folder:
        cluster, root = Cluster(Path(folder) / "slurm"), Path(folder) / "run"
        cluster.folder.mkdir()
        root.mkdir()
        try:
            cluster.start()
            start = time.monotonic()
            targets = prepare(root, args.subjects)
            print(f"{len(targets)} subjects in {time.monotonic() - start:.0f} s", flush=True)
            run_twice(root, targets)
            pairs = 0
            for target in targets:
                with Shard(root / target) as shard:
                    pairs += len(shard)
            print(f"{pairs} pairs of {len(targets)} subjects")
            print(run("sacct", "--allocations", "--format=JobID,JobName%12,Partition,AllocTRES%40,Elapsed,State"))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
