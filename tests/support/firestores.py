"""
The local Firestore and Google's emulator, each started by its command.

`python -m tests.support.firestores COMMAND` runs a command on Google's emulator, if installed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from tests.support.processes import ROOT, free_port, until

OURS, GOOGLES = "local Firestore", "Google's emulator"


@dataclass(frozen=True)
class RunningFirestore:
    """*started_s*: from the start of the command to the first answered call."""

    name: str
    address: str
    session: int
    started_s: float

    def is_ours(self) -> bool:
        """Whether it is the local Firestore."""
        return self.name == OURS

    def resident_mib(self) -> float:
        """Return the memory of all its processes."""
        pages = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                _, _, fields = stat.read_text().rpartition(") ")
                if int(fields.split()[3]) == self.session:
                    pages += int(fields.split()[21])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @contextlib.contextmanager
    def api(self) -> Iterator[FirestoreClient]:
        """Open the generated client, which sends any request."""
        with grpc.insecure_channel(self.address) as channel:
            yield FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


def googles_is_installed() -> bool:
    """Whether gcloud has its component, and there is Java to run it."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return False
    return (Path(gcloud).resolve().parents[1] / "platform" / "cloud-firestore-emulator").is_dir()


def start_ours(data: str) -> contextlib.AbstractContextManager[RunningFirestore]:
    """Start the local Firestore with its documents in the file *data*."""
    port = free_port()
    options = ["--firestore-port", str(port), "--data", data]
    command = [sys.executable, "-m", "cmc_webhook.local_firestore", *options]
    return _started(OURS, command, port)


def start_googles() -> contextlib.AbstractContextManager[RunningFirestore]:
    """Start Google's emulator, whose documents are in memory."""
    port = free_port()
    command = ["gcloud", "emulators", "firestore", "start", f"--host-port=127.0.0.1:{port}"]
    return _started(GOOGLES, command, port)


def delete_all(address: str, project: str) -> None:
    """Delete the documents of a project on Google's emulator."""
    path = f"emulator/v1/projects/{project}/databases/(default)/documents"
    request = urllib.request.Request(f"http://{address}/{path}", method="DELETE")
    urllib.request.urlopen(request).close()


@contextlib.contextmanager
def _started(name: str, command: Sequence[str], port: int) -> Iterator[RunningFirestore]:
    address, begun = f"127.0.0.1:{port}", time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: _answers(address) or process.poll() is not None, seconds=60)
        yield RunningFirestore(name, address, process.pid, time.monotonic() - begun)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(10)


def _answers(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        api = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        parent = "projects/demo/databases/(default)/documents"
        try:
            list(api.list_documents(request={"parent": parent, "collection_id": "c"}, timeout=1))
        except Exception:
            return False
        return True


def main() -> int:
    """Run the command of the arguments and return its exit status."""
    if not googles_is_installed():
        print("Google's Firestore emulator is not installed: its run is skipped.", file=sys.stderr)
        return 0
    with start_googles() as emulator:
        environ = {**os.environ, "FIRESTORE_EMULATOR_HOST": emulator.address}
        return subprocess.run(sys.argv[1:], env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
