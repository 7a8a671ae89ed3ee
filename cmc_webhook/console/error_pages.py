"""Answers errors with a page of one sentence, never a stack trace."""

from collections.abc import Callable

from flask import Flask, render_template, request, url_for
from google.api_core.exceptions import (
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPIError,
    RetryError,
    ServiceUnavailable,
)
from google.auth.exceptions import GoogleAuthError
from werkzeug.exceptions import HTTPException

from cmc_webhook.console.filters import BadParameterError
from cmc_webhook.console.security import ForeignFormError
from cmc_webhook.console.site import NoDocumentError, request_texts
from cmc_webhook.reading.csv_files import UnreadableFileError
from cmc_webhook.reading.objects import MissingObjectError, NoStorageError, StorageError
from cmc_webhook.status.document import UnreadableDocumentError

Answer = tuple[str, int]

_HTTP_ERRORS = {
    403: "error.forbidden",
    404: "error.not_found",
    405: "error.not_possible",
    413: "error.too_large",
    421: "error.host",
    503: "error.away",
}
# The status of the answer, and the text.
_ERRORS: dict[type[Exception], tuple[int, str]] = {
    ForeignFormError: (403, "error.form"),
    UnreadableDocumentError: (409, "error.edited"),
    NoStorageError: (404, "error.no_storage"),
    MissingObjectError: (404, "error.missing_object"),
    RetryError: (503, "error.away"),
    ServiceUnavailable: (503, "error.away"),
    DeadlineExceeded: (503, "error.away"),
    FailedPrecondition: (502, "error.index"),
    GoogleAPIError: (502, "error.firestore"),
    GoogleAuthError: (502, "error.firestore"),
}
# The first line of these errors is shown, too: it holds the link that creates an index.
_DETAILED = ("error.index", "error.firestore")


def register(app: Flask) -> None:
    """Answer every error of *app* with a page."""
    app.register_error_handler(BadParameterError, _bad_parameter)
    app.register_error_handler(StorageError, _storage)
    app.register_error_handler(UnreadableFileError, _file)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NoDocumentError, _no_document)
    for kind, (status, key) in _ERRORS.items():
        app.register_error_handler(kind, _handler(status, key))


def _handler(status: int, key: str) -> Callable[[Exception], Answer]:
    def handle(error: Exception) -> Answer:
        detail = str(error).splitlines()[0] if key in _DETAILED else ""
        return _page(status, request_texts().text(key), detail)

    return handle


def _bad_parameter(error: Exception) -> Answer:
    texts = request_texts()
    return _page(400, texts.text("error.bad_value", what=texts.name("filter", str(error))))


def _storage(error: Exception) -> Answer:
    return _page(502, request_texts().text("error.storage", what=error))


def _file(error: Exception) -> Answer:
    assert isinstance(error, UnreadableFileError)
    return _page(400, request_texts().text(error.key, **error.values))


def _no_document(_: Exception) -> Answer:
    texts, place = request_texts(), str(request.blueprint)
    part = "quarantine" if "quarantine" in place else place
    back = (url_for(f"{place}.show"), texts.text("gone.back", name=texts.name("menu", part)))
    return _page(404, texts.text(f"gone.{part}"), back=back)


def _http_error(error: HTTPException) -> Answer:
    status = error.code or 500
    if status < 500 and status not in _HTTP_ERRORS:
        return _page(status, error.name)
    return _page(status, request_texts().text(_HTTP_ERRORS.get(status, "error.fault")))


def _page(status: int, sentence: str, detail: str = "", back: tuple[str, str] = ("", "")) -> Answer:
    values = {"sentence": sentence, "detail": detail, "back": back, "again": status == 503}
    return render_template("error.html", **values), status
