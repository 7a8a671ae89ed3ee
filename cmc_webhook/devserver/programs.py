"""The function and the page, each in a process of its own; the function as in production."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.settings import CREDENTIALS

HOST = "127.0.0.1"
_SOURCE = Path(__file__).parents[2] / "main.py"
_GRACE_S = 5.0


def function_environ(
    environ: Mapping[str, str], *, firestore_address: str, project: str
) -> dict[str, str]:
    """Return *environ* as the function needs it: on the local Firestore, and open if no key is."""
    # functions-framework would take these for its own options.
    mine = {
        name: value
        for name, value in environ.items()
        if name not in ("HOST", "PORT", "DEBUG") and not name.startswith("FUNCTION_")
    }
    mine["FIRESTORE_EMULATOR_HOST"] = firestore_address
    mine["GOOGLE_CLOUD_PROJECT"] = project
    if not asks_credentials(environ):
        mine["CMC_ALLOW_UNAUTHENTICATED"] = "true"
    # gRPC would ask a proxy for 127.0.0.1, too.
    unproxied = [environ.get("NO_PROXY") or environ.get("no_proxy", ""), HOST, "localhost"]
    mine["NO_PROXY"] = mine["no_proxy"] = ",".join(filter(None, unproxied))
    return mine


def asks_credentials(environ: Mapping[str, str]) -> bool:
    """Whether *environ* sets a credential, so that the function asks for it."""
    return any(environ.get(name, "").strip() for name in CREDENTIALS)


class Program:
    """
    A running program that serves *port*. Its output goes where ours goes.

    A process is started anew, never forked: this one has gRPC's threads. It leads
    a session of its own, so that Ctrl-C reaches it through us, in order. As a
    context it ends with the context.
    """

    def __init__(
        self, name: str, command: Sequence[str], port: int, option: str, environ: Mapping[str, str]
    ) -> None:
        refuse_used_port(port, option)
        self._name = name
        self._port = port
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=_SOURCE.parent,
            env=dict(environ),
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until_serving(self) -> None:
        """Return when the port answers; raise StartError if the process ends first."""
        while not self.ended():
            try:
                socket.create_connection((HOST, self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise StartError(self.farewell())

    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.poll() is not None

    def farewell(self) -> str:
        """Return the sentence to say when the process ended by itself."""
        code = self._process.returncode
        return f"{self._name} ended by itself (exit status {code}); see its last words above."

    def stop(self) -> None:
        """End the process and its children: kindly, then after five seconds by force."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(_GRACE_S)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def status_function(port: int, environ: Mapping[str, str]) -> Program:
    """Start the status function."""
    return Program("The status function", _function("cmc_webhook", port), port, "--port", environ)


def inbound_function(port: int, environ: Mapping[str, str]) -> Program:
    """Start the function for received mail."""
    command = _function("cmc_inbound", port)
    return Program("The function for received mail", command, port, "--inbound-port", environ)


def console(port: int, function_port: int, environ: Mapping[str, str]) -> Program:
    """Start the page, which posts to the function what was in quarantine."""
    options = ["--port", str(port), "--url", f"http://{HOST}:{function_port}"]
    return Program("The page", ["cmc_webhook.console", *options], port, "--console-port", environ)


def _function(target: str, port: int) -> list[str]:
    # Under functions-framework and gunicorn, as in production.
    options = ["--target", target, "--source", str(_SOURCE), "--host", HOST]
    return ["functions_framework", *options, "--port", str(port)]


def refuse_used_port(port: int, option: str) -> None:
    """Raise StartError if *port*, which is set by *option*, is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StartError(
                f"Port {port} is in use: stop the program that uses it, or choose another with"
                f" {option}."
            ) from error
