"""Installation of programs that tests need from Debian packages."""

import os
import shutil
import subprocess
from collections.abc import Mapping

_SBIN = ("/usr/sbin", "/sbin")


class CannotInstall(Exception):
    """Missing packages that cannot be installed; the text gives the reason."""


def install(programs: Mapping[str, str]) -> None:
    """Install the packages of missing programs, and add the folders of daemons to PATH, which a user's may lack.

    Args:
        programs: program -> package.

    Raises:
        CannotInstall: packages are missing, and this user is not root on Debian or apt-get fails.
    """
    directories = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*directories, *(sbin for sbin in _SBIN if sbin not in directories)])
    packages = sorted({package for program, package in programs.items() if not shutil.which(program)})
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotInstall(f"{' '.join(packages)} are missing, and only root on Debian can install them")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "--quiet", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise CannotInstall(f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}")
