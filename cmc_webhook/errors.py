"""Why a request is refused or cannot be served; `answers` has the HTTP status of each. Pure."""


class WebhookError(Exception):
    """The answer to one request. Its text goes to the sender and quotes nothing of the request."""


class MethodNotAllowed(WebhookError):
    """The request is not a POST."""


class EncodedBody(WebhookError):
    """The body is compressed. CMC sends it uncompressed."""


class BodyTooLarge(WebhookError):
    """The body is over the size limit."""


class BodyIncomplete(WebhookError):
    """The body is truncated: the sender closed the connection, or its chunks are invalid."""


class NotAuthenticated(WebhookError):
    """No accepted credential in the header, the query string or the body."""


class MalformedEnvelope(WebhookError):
    """The body is complete, and it is not an event of this webhook."""


class StoreUnavailable(WebhookError):
    """Not everything could be stored in time. The text is for the log, not for the sender."""


class StoreMisconfigured(StoreUnavailable):
    """Google refuses every request of this deployment; the text says what to grant or create."""


class DocumentRefused(StoreUnavailable):
    """Firestore rejects a document as invalid; sending it again would not help."""
