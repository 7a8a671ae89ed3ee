"""A local bucket for received mail, by an emulator that only developers install."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cmc_webhook.devserver.programs import HOST, refuse_used_port

BUCKET = "local-attachments"
MISSING = (
    "No received mail: the emulator of Cloud Storage is not installed"
    " (pip install gcp-storage-emulator)."
)


def is_installed() -> bool:
    """Whether there can be a bucket."""
    return find_spec("gcp_storage_emulator") is not None


@contextmanager
def running(port: int, folder: Path | None) -> Iterator[Mapping[str, str]]:
    """Serve the bucket, kept in *folder* or in memory, and yield the variables that name it."""
    from gcp_storage_emulator.server import create_server

    refuse_used_port(port, "--storage-port")
    server = create_server(HOST, port, folder is None, BUCKET, str((folder or Path()).resolve()))
    server.start()
    try:
        url = f"http://{HOST}:{port}"
        yield {"STORAGE_EMULATOR_HOST": url, "CMC_ATTACHMENT_BUCKET": BUCKET}
    finally:
        server.stop()
