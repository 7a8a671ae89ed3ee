"""The function in a process of its own, with its output kept."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Any, seconds: float = 30) -> Any:
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


class FunctionServer:
    """functions-framework with gunicorn on a free port; *environ* is all that it sees of CMC_."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.port = free_port()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("CMC_", "FUNCTION_"))}
        arguments = ["--target", "cmc_webhook", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework", *arguments],
            cwd=ROOT,
            env=inherited | environ,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(lambda: listens(self.port) or self.process.poll() is not None)

    def post(
        self, body: bytes, content_type: str = "application/json", headers: Any = ()
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, the JSON of the answer and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", body, {"Content-Type": content_type, **dict(headers)})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer, dict(response.getheaders())

    def send_raw(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Send *data* as it is and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)

    def output(self) -> str:
        self._output.seek(0)
        return self._output.read().decode()

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines; whatever is no JSON fails."""
        return [json.loads(line) for line in self.output().splitlines()]

    def pids(self) -> list[int]:
        """Return the process ids of gunicorn and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def peak_memory(self) -> int:
        """Return the largest resident size of any of the processes so far, in bytes."""
        peaks = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        lines = [line for text in peaks for line in text.splitlines() if line.startswith("VmHWM")]
        return max(int(line.split()[1]) * 1024 for line in lines)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
            self.process.wait(30)
        self._output.close()
