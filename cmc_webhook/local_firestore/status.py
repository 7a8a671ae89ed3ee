"""Which status code of gRPC goes with which refusal."""

from grpc import StatusCode

from cmc_webhook.local_firestore import errors

_CODES = {
    errors.InvalidArgument: StatusCode.INVALID_ARGUMENT,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: StatusCode.FAILED_PRECONDITION,
    errors.Aborted: StatusCode.ABORTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.Unimplemented: StatusCode.UNIMPLEMENTED,
}


def code_of(refusal: errors.Refusal) -> StatusCode:
    """Return the code to answer."""
    return _CODES[type(refusal)]
