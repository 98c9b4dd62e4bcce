"""Run the experts of 40 subjects as 40 jobs of a private Slurm, as root on Debian. Too slow for the suite.

PYTHONPATH=.:tests python tests/slurm/subjects_by_hand.py --subjects 40
"""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.chain import REPOSITORY, checkout
from helpers.slurm_chain import name_site, snakemake_on_slurm
from helpers.slurm_cluster import Cluster, install, run
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


def count_jobs() -> Counter[str]:
    """Return the number of the experts' jobs by their state in Slurm's accounting."""
    lines = run("sacct", "--allocations", "--noheader", "--parsable2", "--format=SubmitLine,State").splitlines()
    return Counter(state for line, state in (each.rsplit("|", 1) for each in lines) if "train_experts" in line)


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
            targets = prepare(root, args.subjects)
            cluster.start()
            ended = snakemake_on_slurm(root, *targets, preloaded=True)
            print(ended.screen[-1500:])
            print(f"status {ended.status}, {ended.seconds:.0f} s, finished {dict(Counter(ended.finished))}")
            print(f"Slurm: {dict(count_jobs())}")
            pairs = 0
            for target in targets:
                with Shard(root / target) as shard:
                    pairs += len(shard)
            print(f"{pairs} pairs of {len(targets)} subjects")
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
