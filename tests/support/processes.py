"""Programs in processes of their own: ports, waiting, and the devserver with its output kept."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Longer than anything takes on a busy machine: no claim, only the end of a test that hangs.
PATIENCE_S = 120


def free_port() -> int:
    """
    Return a port that nobody else is given while other tests look for one, too.

    A connection that is closed leaves the port in TIME_WAIT for a minute: the kernel chooses it for
    nobody, and a server that asks for it by number (with SO_REUSEADDR, as all here do) gets it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address):
            server.accept()[0].close()
        return int(address[1])


def until(condition: Any, seconds: float = PATIENCE_S) -> Any:
    """Return the first true value of *condition*, asked again and again; raise when time is up."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(condition)
        time.sleep(0.05)
    return value


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Program:
    """`python -m` of *arguments*, which sees *environ* and of ours nothing that begins CMC_."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        hidden = ("CMC_", "FUNCTION_", "FIRESTORE_", "GOOGLE_CLOUD_PROJECT")
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(hidden)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=inherited | environ,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_for(self, port: int) -> None:
        """Return when *port* answers or the program has ended."""
        until(lambda: listens(port) or self.process.poll() is not None)

    def output(self) -> str:
        self._output.seek(0)
        return self._output.read().decode()

    def send(self, number: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    @staticmethod
    def kill(pid: int) -> None:
        """Kill a process, which may be gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Kill the program and all that it started; to ask them, as `send` does, takes seconds."""
        for pid in [*_descendants(self.process.pid)]:
            self.kill(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self._output.close()


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)
