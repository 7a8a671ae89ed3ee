"""What a reader sees of a failure: one sentence, never a stack trace."""

from flask import Flask, render_template
from google.api_core.exceptions import (
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPIError,
    RetryError,
    ServiceUnavailable,
)
from google.auth.exceptions import GoogleAuthError
from werkzeug.exceptions import HTTPException

from cmc_webhook.console.filters import BadChoiceError
from cmc_webhook.console.security import ForeignFormError
from cmc_webhook.console.site import words
from cmc_webhook.reading.objects import MissingObjectError, NoStorageError, StorageError

Answer = tuple[str, int]

_TEXTS = {
    403: "error_403",
    404: "error_404",
    405: "error_405",
    421: "error_host",
    503: "error_away",
}


def explain(app: Flask) -> None:
    """Let *app* answer every failure with a page that says what to do."""
    app.register_error_handler(BadChoiceError, _bad_choice)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(NoStorageError, _no_storage)
    app.register_error_handler(MissingObjectError, _missing_object)
    app.register_error_handler(StorageError, _storage)
    app.register_error_handler(GoogleAPIError, _firestore)
    app.register_error_handler(GoogleAuthError, _firestore)
    for away in (RetryError, ServiceUnavailable, DeadlineExceeded):
        app.register_error_handler(away, _away)
    app.register_error_handler(FailedPrecondition, _needs_index)


def _bad_choice(error: Exception) -> Answer:
    return _page(400, words()("error_400", what=error))


def _refused(error: HTTPException) -> Answer:
    code = error.code or 500
    if isinstance(error, ForeignFormError):
        return _page(code, words()("error_token"))
    if code in _TEXTS:
        return _page(code, words()(_TEXTS[code]))
    return _page(code, words()("error_500") if code >= 500 else error.name)


def _no_storage(_: Exception) -> Answer:
    return _page(404, words()("error_no_storage"))


def _missing_object(_: Exception) -> Answer:
    return _page(404, words()("error_missing_object"))


def _storage(error: Exception) -> Answer:
    return _page(502, words()("error_storage", what=error))


def _firestore(error: Exception) -> Answer:
    return _page(502, words()("error_firestore"), detail=str(error).splitlines()[0])


def _needs_index(error: Exception) -> Answer:
    return _page(502, words()("error_index"), detail=str(error).splitlines()[0])


def _away(_: Exception) -> Answer:
    return _page(503, words()("error_away"))


def _page(code: int, sentence: str, detail: str = "") -> Answer:
    again = code == 503
    return render_template("error.html", sentence=sentence, detail=detail, again=again), code
