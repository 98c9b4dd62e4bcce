"""Private Slurm on this machine: munged, MariaDB, slurmdbd, slurmctld, two slurmd nodes of eight pretend GPUs each.

Its configuration is in /etc/slurm, because Snakemake's job step removes SLURM_CONF from a job's environment. Everything
else is in a separate folder. It needs root and Debian packages (`PACKAGES`).
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from helpers import debian

PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "slurmdbd": "slurmdbd",
    "munged": "munge",
    "mariadbd": "mariadb-server",
}
"""Program -> Debian package."""
NODES = ("gpu1", "gpu2")
ACCOUNT = "lab"
GPUS = 8
CONFIGURATION = Path("/etc/slurm")
MARK = "# made by OmniEdit's tests"
LOCK = Path("/run/lock/omniedit-slurm")
"""File that the process with the running Slurm locks: all share CONFIGURATION and ports."""
DEVICES = Path("/dev/omniedit-gpus")
NULL_DEVICE = os.makedev(1, 3)


class NoCluster(Exception):
    """Private Slurm that cannot run here; the text gives the reason."""


class Cluster:
    """Private Slurm whose daemons can be started, stopped and killed.

    Args:
        folder: folder of databases, spools and logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Start all daemons in order; each must answer before the next starts.

        Raises:
            NoCluster: this machine already has a Slurm, is not Debian, or this user is not root; or a daemon fails.
        """
        check_machine()
        self._lock = lock_machine()
        self._configure()
        self.start_daemon("munged")
        self.start_daemon("mariadbd")
        user = "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1' IDENTIFIED BY 'slurm'"
        run("mariadb", "--no-defaults", f"--socket={self.folder}/mysql/socket", f"--execute={user}")
        self.start_daemon("slurmdbd")
        for entity in (f"cluster {CLUSTER}", f"account {ACCOUNT}", f"user root account={ACCOUNT} adminlevel=admin"):
            run("sacctmgr", "--immediate", "add", *entity.split())
        self.start_daemon("slurmctld")
        for node in NODES:
            self.start_daemon(node)
        wait_until(self.is_idle, "the nodes to be idle", 300)

    def stop(self) -> None:
        """Stop the daemons and remove their configuration, if this cluster was started."""
        if self._lock is None:
            return
        for name in reversed(list(self.daemons)):
            self.kill_daemon(name, signal.SIGTERM)
        shutil.rmtree(DEVICES, ignore_errors=True)
        for name in ("slurm.conf", "slurmdbd.conf", "gres.conf"):
            (CONFIGURATION / name).unlink(missing_ok=True)
        self._lock.close()
        self._lock = None

    def start_daemon(self, name: str) -> None:
        """Start one of the daemons and wait until it answers."""
        command, answers = self._commands()[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: self._is_up(name, answers), f"{name} to answer (see {self.folder / name}.log)", 300)

    def kill_daemon(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        daemon = self.daemons.pop(name)
        daemon.send_signal(how)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def is_idle(self) -> bool:
        states = run("sinfo", "--noheader", "--Node", "--format=%N %T", check=False).split("\n")
        return all(f"{node} idle" in states for node in NODES)

    def _is_up(self, name: str, answers: list[str]) -> bool:
        if self.daemons[name].poll() is not None:
            raise NoCluster(f"{name} ended with {self.daemons[name].returncode}: {self._tail(name)}")
        return subprocess.run(answers, capture_output=True).returncode == 0

    def _tail(self, name: str) -> str:
        return " | ".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-3:])

    def _commands(self) -> dict[str, tuple[list[str], list[str]]]:
        """Return for each daemon the command that runs it in the foreground, and one that succeeds once it answers."""
        data, munge = self.folder / "mysql", self.folder / "munge"
        mariadbd = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={data}/socket", "--user=root"]
        mariadbd += [f"--pid-file={data}/pid", f"--port={PORTS['mariadbd']}", "--bind-address=127.0.0.1"]
        munged = ["munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={munge}/key"]
        munged += [f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", f"--log-file={munge}/log"]
        nodes = {node: (["slurmd", "-D", "-N", node], ["scontrol", "show", "node", node]) for node in NODES}
        return {
            "munged": (munged, ["munge", "--no-input", f"--socket={munge}/socket"]),
            "mariadbd": (mariadbd, ["mariadb-admin", "--no-defaults", f"--socket={data}/socket", "ping"]),
            "slurmdbd": (["slurmdbd", "-D"], ["sacctmgr", "--noheader", "list", "cluster"]),
            "slurmctld": (["slurmctld", "-D"], ["scontrol", "ping"]),
            **nodes,
        }

    def _configure(self) -> None:
        for name in ("mysql", "munge", "state", *NODES):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        (self.folder / "munge/key").write_bytes(os.urandom(1024))
        (self.folder / "munge/key").chmod(0o600)
        make_pretend_gpus()
        run("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/mysql", "--user=root", "--skip-test-db")
        CONFIGURATION.mkdir(exist_ok=True)
        files = {"slurm.conf": SLURM_CONF, "slurmdbd.conf": SLURMDBD_CONF, "gres.conf": GRES_CONF}
        for name, text in files.items():
            path = CONFIGURATION / name
            path.write_text(f"{MARK}\n{text.format(folder=self.folder, **PORTS)}")
            path.chmod(0o600)


CLUSTER = "pretend"
PORTS = {"mariadbd": 17933, "slurmdbd": 17919, "slurmctld": 17917, "first_node": 17901, "last_node": 17902}
# A requeued job waits for the lifetime of a credential: 30 s here, two minutes by default. When a node returns, Slurm
# asks for its jobs at once, or after 90 s if they started less than BatchStartTimeout ago.
SLURM_CONF = """
ClusterName=pretend
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={slurmctld}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=30
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={slurmdbd}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
SlurmdTimeout=15
KillWait=5
BatchStartTimeout=1
MinJobAge=300
SchedulerParameters=sched_interval=2,sched_min_interval=100000,bf_interval=2,batch_sched_delay=0
NodeName=gpu[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{first_node}-{last_node}] CPUs=32 Sockets=1 \
CoresPerSocket=32 ThreadsPerCore=1 RealMemory=400000 Gres=gpu:h100:8
PartitionName=gpu Nodes=gpu[1-2] Default=YES MaxTime=UNLIMITED State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=cpu Nodes=gpu[1-2] MaxTime=UNLIMITED State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=gpu[1-2] MaxTime=UNLIMITED State=UP PriorityTier=9 PreemptMode=OFF
"""
SLURMDBD_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdPort={slurmdbd}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadbd}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
GRES_CONF = f"""
AutoDetect=off
NodeName=gpu[1-2] Name=gpu Type=h100 File={DEVICES}/gpu[0-{GPUS - 1}]
"""


def check_machine() -> None:
    """Check that this machine can run a private Slurm.

    Raises:
        NoCluster: it cannot; the text gives the reason.
    """
    if os.geteuid() != 0:
        raise NoCluster("a private Slurm needs root")
    if not shutil.which("apt-get"):
        raise NoCluster("a private Slurm needs Debian's packages")
    ours = CONFIGURATION / "slurm.conf"
    if ours.exists() and not ours.read_text().startswith(MARK):
        raise NoCluster(f"{ours} belongs to a Slurm of this machine")


def lock_machine() -> TextIO:
    """Return the locked file that keeps other processes from starting a private Slurm.

    Raises:
        NoCluster: another process has one.
    """
    lock = LOCK.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise NoCluster(
            f"another process runs a private Slurm ({LOCK} is locked); start again when it has ended"
        ) from None
    return lock


def install() -> None:
    """Install missing Debian packages.

    Raises:
        NoCluster: they cannot be installed.
    """
    try:
        debian.install(PACKAGES)
    except debian.CannotInstall as reason:
        raise NoCluster(str(reason)) from None


def make_pretend_gpus() -> None:
    """Create eight null devices as GPUs. Slurm counts and assigns device files, not cards."""
    DEVICES.mkdir(exist_ok=True)
    for number in range(GPUS):
        device = DEVICES / f"gpu{number}"
        if not device.exists():
            os.mknod(device, 0o666 | 0o020000, NULL_DEVICE)


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise NoCluster(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout


def wait_until(met: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise NoCluster(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)
