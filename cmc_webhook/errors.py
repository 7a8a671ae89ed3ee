"""Why a request is refused or cannot be served. No HTTP in it. Pure."""


class WebhookError(Exception):
    """The answer to one request; its text goes to the sender and holds nothing of the request."""


class MethodNotAllowed(WebhookError):
    """The request is no POST."""


class EncodedBody(WebhookError):
    """The body is compressed; CMC sends it plain."""


class BodyTooLarge(WebhookError):
    """The body is over the limit."""


class BodyIncomplete(WebhookError):
    """The sender went away, or its chunks are garbled: the body did not arrive whole."""


class NotAuthenticated(WebhookError):
    """No accepted credential, wherever it may stand."""


class MalformedEnvelope(WebhookError):
    """The body is complete and is nothing that this function is for."""


class StoreUnavailable(WebhookError):
    """Not everything could be stored in time. The text is for the log, not for the sender."""


class StoreMisconfigured(StoreUnavailable):
    """Google refuses this deployment, not this record; the text says what to grant or create."""


class DocumentRefused(StoreUnavailable):
    """Firestore takes a document for invalid; to repeat it would not help."""
