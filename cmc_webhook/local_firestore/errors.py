"""What the local Firestore raises."""

from typing import Any, TypeAlias

from click import ClickException
from google.api_core.exceptions import GoogleAPICallError
from google.rpc.status_pb2 import Status

# A request that is not fulfilled: the exception that Google's client raises for its status code.
Refusal: TypeAlias = GoogleAPICallError


class StartError(ClickException):
    """The server cannot start; a command shows the message, a sentence that says what to do."""


def status(refusal: Refusal) -> Any:
    """Return *refusal* as a part of an answer."""
    code: Any = refusal.grpc_status_code
    return Status(code=code.value[0], message=refusal.message)
