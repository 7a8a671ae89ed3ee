"""A local bucket for received mail, in an emulator that tests/requirements.txt installs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cmc_webhook.devserver.programs import HOST, free_port

NAME = "local-attachments"
EMULATOR = "gcp-storage-emulator"


def is_installed() -> bool:
    return find_spec("gcp_storage_emulator") is not None


@contextmanager
def running(port: int, folder: Path | None) -> Iterator[Mapping[str, str]]:
    """Serve the bucket, kept in *folder* or memory; yield its variables. Raises StartError."""
    from gcp_storage_emulator.server import create_server

    port = free_port(port, "--storage-port")  # the emulator would hang on a used one
    server = create_server(HOST, port, folder is None, NAME, str((folder or Path()).resolve()))
    server.start()
    try:
        url = f"http://{HOST}:{port}"
        yield {"STORAGE_EMULATOR_HOST": url, "CMC_ATTACHMENT_BUCKET": NAME}
    finally:
        server.stop()
