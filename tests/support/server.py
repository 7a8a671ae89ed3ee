"""The function in a process of its own, under functions-framework and gunicorn."""

import contextlib
import http.client
import json
import socket
from pathlib import Path
from typing import Any

from tests.support.processes import PATIENCE_S, Program, free_port


class FunctionServer(Program):
    """The function on a free port; *environ* is all that it sees of CMC_."""

    def __init__(self, environ: dict[str, str], target: str = "cmc_webhook") -> None:
        self.port = free_port()
        arguments = ["--target", target, "--host", "127.0.0.1", "--port", str(self.port)]
        super().__init__("functions_framework", *arguments, **environ)
        self.wait_for(self.port)

    def post(
        self,
        body: bytes,
        content_type: str = "application/json",
        headers: Any = (),
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, the JSON of the answer and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("POST", "/", body, {"Content-Type": content_type, **dict(headers)})
            response = connection.getresponse()
            answer = json.loads(response.read())
        return response.status, answer, dict(response.getheaders())

    def send_and_hang_up(self, data: bytes) -> bytes:
        """Send *data*, close that direction, and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines. Raises ValueError if one is not JSON."""
        return [json.loads(line) for line in self.output().splitlines()]

    def pids(self) -> list[int]:
        """Return the process ids of gunicorn and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def memory(self) -> int:
        """Return the resident size of the worker, in bytes."""
        return _size(self.pids()[1], "VmRSS")

    def peak_memory(self) -> int:
        """Return the largest resident size of any of the processes so far, in bytes."""
        return max(_size(pid, "VmHWM") for pid in self.pids())


def _size(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
