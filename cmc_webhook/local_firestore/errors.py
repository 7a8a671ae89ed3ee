"""The errors of the local Firestore, each refusal with its gRPC status code."""

from grpc import StatusCode


class StartError(Exception):
    """The server cannot start; the message is one sentence that says what to do."""


class Refusal(Exception):
    """A request that is not fulfilled; the client receives *code* and the message."""

    code: StatusCode


class InvalidArgument(Refusal):
    """The request is wrong, whatever is stored."""

    code = StatusCode.INVALID_ARGUMENT


class NotFound(Refusal):
    """The document does not exist."""

    code = StatusCode.NOT_FOUND


class AlreadyExists(Refusal):
    """The document to create exists."""

    code = StatusCode.ALREADY_EXISTS


class FailedPrecondition(Refusal):
    """The document has another update time than the write requires, or a query no index."""

    code = StatusCode.FAILED_PRECONDITION


class Aborted(Refusal):
    """The data that the transaction has read has changed; the client may retry."""

    code = StatusCode.ABORTED


class ResourceExhausted(Refusal):
    """The disk is full, or there are too many listeners."""

    code = StatusCode.RESOURCE_EXHAUSTED


class DataLoss(Refusal):
    """The data file is damaged."""

    code = StatusCode.DATA_LOSS


class Internal(Refusal):
    """The data file cannot be read or written."""

    code = StatusCode.INTERNAL


class Unavailable(Refusal):
    """The server is stopping."""

    code = StatusCode.UNAVAILABLE


class Unimplemented(Refusal):
    """Firestore may support this; this server does not."""

    code = StatusCode.UNIMPLEMENTED
