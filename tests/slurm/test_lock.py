"""Test that two private Slurms on one machine do not overwrite each other's configuration."""

from pathlib import Path

import pytest

from helpers import slurm_cluster
from helpers.slurm_cluster import Cluster, NoCluster, lock_machine


def test_a_second_private_slurm_ends_and_leaves_the_configuration_of_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(slurm_cluster, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(slurm_cluster, "CONFIGURATION", tmp_path)
    monkeypatch.setattr(slurm_cluster, "check_machine", lambda: None)
    (tmp_path / "slurm.conf").write_text("of the first")
    first = lock_machine()
    second = Cluster(tmp_path / "second")
    with pytest.raises(NoCluster, match="another process runs a private Slurm"):
        second.start()
    second.stop()
    assert (tmp_path / "slurm.conf").read_text() == "of the first"
    first.close()
    lock_machine().close()
