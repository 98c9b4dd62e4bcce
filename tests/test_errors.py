import os
import socket
import subprocess
import sys

PROGRAM = """
import time
from omniedit.errors import UserError, run_program
def main():
    {body}
run_program(main)
"""


def test_a_users_mistake_is_one_line_without_traceback() -> None:
    program = PROGRAM.format(body="raise UserError('a.yaml: key: wrong; give another')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: a.yaml: key: wrong; give another\n"


def test_a_job_ends_with_the_run_that_started_it() -> None:
    controller = subprocess.Popen(["sleep", "60"])
    environment = {**os.environ, "OMNIEDIT_CONTROLLER": f"{socket.gethostname()}:{controller.pid}"}
    job = subprocess.Popen([sys.executable, "-c", PROGRAM.format(body="time.sleep(60)")], env=environment)
    controller.kill()
    controller.wait()
    assert job.wait(timeout=20) == 1
