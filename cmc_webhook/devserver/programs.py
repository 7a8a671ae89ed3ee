"""The functions and the page, each in a process of its own; the functions as in production."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.reading.language import text
from cmc_webhook.settings import CREDENTIALS

HOST = "127.0.0.1"
_SOURCE = Path(__file__).parents[2] / "main.py"
_GRACE_S = 5.0


def function_environ(
    environ: Mapping[str, str], *, firestore_address: str, project: str
) -> dict[str, str]:
    """Return the environment of the functions: *environ*, but on the local Firestore."""
    # functions-framework would take these for its own options.
    mine = {
        name: value
        for name, value in environ.items()
        if name not in ("HOST", "PORT", "DEBUG") and not name.startswith("FUNCTION_")
    }
    mine["FIRESTORE_EMULATOR_HOST"] = firestore_address
    mine["GOOGLE_CLOUD_PROJECT"] = project
    if not any(environ.get(name, "").strip() for name in CREDENTIALS):
        mine["CMC_ALLOW_UNAUTHENTICATED"] = "true"
    # gRPC would send requests for 127.0.0.1 to a proxy, too.
    unproxied = [environ.get("NO_PROXY") or environ.get("no_proxy", ""), HOST, "localhost"]
    mine["NO_PROXY"] = mine["no_proxy"] = ",".join(filter(None, unproxied))
    mine["PYTHONUNBUFFERED"] = "1"  # their output goes into a pipe
    return mine


class Program(contextlib.AbstractContextManager["Program"]):
    """A program that serves HTTP on *port*; as a context manager it ends with the context.

    A new process, never a fork: this one has gRPC's threads. It leads a session of
    its own, so that Ctrl-C reaches this process only, which then stops the others.
    """

    def __init__(
        self, name: str, command: Sequence[str], port: int, option: str, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self._port = free_port(port, option)
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=_SOURCE.parent,
            env=dict(environ),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self._output = cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._output.fileno(), False)
        self._unfinished = b""

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._output.close()

    def lines(self) -> list[str]:
        """Return the lines printed since the last call, without waiting for more."""
        ended = self._process.poll() is not None
        while piece := self._output.read(65536):  # None for nothing yet, empty at the end
            self._unfinished += piece
        *lines, self._unfinished = self._unfinished.split(b"\n")
        if ended and self._unfinished:
            lines.append(self._unfinished)
            self._unfinished = b""
        return [line.decode(errors="replace") for line in lines]

    def serves(self) -> bool:
        """Return whether it answers HTTP requests. Raises StartError if it has ended."""
        self.require_running()
        # A port that accepts connections is not enough: the page listens before it can answer.
        # functions-framework answers this path itself: the function sees and logs nothing.
        connection = http.client.HTTPConnection(HOST, self._port, timeout=1)
        try:
            connection.request("GET", "/favicon.ico")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def require_running(self) -> None:
        """Raise StartError if the process has ended by itself."""
        if (status := self._process.poll()) is not None:
            raise StartError(text("devserver.ended", program=self.name, status=status))

    def terminate(self) -> None:
        """Ask the process and its children to end, without waiting for it."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """End the process and its children, after five seconds by force."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def function(name: str, target: str, port: int, option: str, environ: Mapping[str, str]) -> Program:
    """Start a function under functions-framework and gunicorn, as in production."""
    options = ["--target", target, "--source", str(_SOURCE), "--host", HOST, "--port", str(port)]
    return Program(name, ["functions_framework", *options], port, option, environ)


def console(port: int, function_port: int, environ: Mapping[str, str]) -> Program:
    """Start the page, which posts what was in quarantine to the function on *function_port*."""
    options = ["--port", str(port), "--url", f"http://{HOST}:{function_port}"]
    return Program("page", ["cmc_webhook", "console", *options], port, "--console-port", environ)


def free_port(port: int, option: str) -> int:
    """Return *port*, or any free one for 0. Raises StartError, which names *option*, if in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StartError(text("place.port", port=port, option=option)) from error
        return int(probe.getsockname()[1])
