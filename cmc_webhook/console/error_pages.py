"""Answers errors with a page of one sentence, never a stack trace."""

from functools import partial

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

# The status of the answer, and the text.
_ERRORS: dict[type[Exception] | int, tuple[int, str]] = {
    403: (403, "error.forbidden"),
    404: (404, "error.not_found"),
    405: (405, "error.not_possible"),
    413: (413, "error.too_large"),
    421: (421, "error.host"),
    500: (500, "error.fault"),
    503: (503, "error.away"),
    BadParameterError: (400, "error.bad_value"),
    ForeignFormError: (403, "error.form"),
    UnreadableDocumentError: (409, "error.edited"),
    NoStorageError: (404, "error.no_storage"),
    MissingObjectError: (404, "error.missing_object"),
    StorageError: (502, "error.storage"),
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
    for kind, (status, key) in _ERRORS.items():
        app.register_error_handler(kind, partial(_answer, status, key))
    app.register_error_handler(UnreadableFileError, _file)
    app.register_error_handler(NoDocumentError, _no_document)
    app.register_error_handler(HTTPException, lambda error: _page(error.code, error.name))


def _answer(status: int, key: str, error: Exception) -> Answer:
    texts, message = request_texts(), str(error).partition("\n")[0]
    sentence = texts.text(key, what=texts.name("filter", message))
    return _page(status, sentence, message if key in _DETAILED else "")


def _file(error: UnreadableFileError) -> Answer:
    return _page(400, request_texts().text(error.key, **error.values))


def _no_document(_: Exception) -> Answer:
    texts, place = request_texts(), str(request.blueprint)
    part = "quarantine" if "quarantine" in place else place
    back = (url_for(f"{place}.show"), texts.text("gone.back", name=texts.name("menu", part)))
    return _page(404, texts.text(f"gone.{part}"), back=back)


def _page(status: int, sentence: str, detail: str = "", back: tuple[str, str] = ("", "")) -> Answer:
    values = {"sentence": sentence, "detail": detail, "back": back, "again": status == 503}
    return render_template("error.html", **values), status
