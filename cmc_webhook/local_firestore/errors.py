"""Why the local Firestore does not start, and why it says no to a request."""


class StartError(Exception):
    """The server cannot start; the text is one sentence that says what to do."""


class Refusal(Exception):
    """Firestore's answer to a request that it does not fulfil; the text goes to the client."""


class InvalidArgument(Refusal):
    """The request is wrong whatever is stored."""


class NotFound(Refusal):
    """The write needs a document that is not there."""


class AlreadyExists(Refusal):
    """The write needs a document's absence, and it is there."""


class FailedPrecondition(Refusal):
    """The document is not in the version that the write needs."""


class Aborted(Refusal):
    """What the transaction has read is no longer so; it may be tried again."""


class Unavailable(Refusal):
    """The server stops."""


class Unimplemented(Refusal):
    """Firestore may do this; this server does not."""
