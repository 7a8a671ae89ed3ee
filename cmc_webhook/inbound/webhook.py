"""Stores received mails: attachments in Cloud Storage, then the document or quarantine entry."""

import ctypes
import gc
import hashlib
import traceback
from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePath

from cmc_webhook.answers import Receipt
from cmc_webhook.database import Budget
from cmc_webhook.dead_letters import DeadLetters
from cmc_webhook.errors import DocumentRefused, MalformedEnvelope, StoreUnavailable
from cmc_webhook.inbound.bucket import Bucket
from cmc_webhook.inbound.document import mail_document
from cmc_webhook.inbound.mail import UnreadableMail
from cmc_webhook.inbound.parts import read_parts
from cmc_webhook.inbound.providers import read_mail
from cmc_webhook.logs import LogEntry
from cmc_webhook.reasons import Reason
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import InboundSettings
from cmc_webhook.writer import Writer

# A mail of 30 MB is in several large blocks.
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1024 * 1024


class InboundWebhook:
    """Stores the mails that CMC and SendGrid post, their attachments in *bucket*. Thread-safe."""

    # The platform's limit (https://cloud.google.com/functions/quotas); SendGrid's mails have up to
    # 30 MB.
    largest_body = 32 * 1024 * 1024
    largest_unknown_body = 32 * 1024 * 1024
    # Time for ten attachments on a slow Cloud Storage.
    budget_s = 25.0

    def __init__(
        self, settings: InboundSettings, writer: Writer, bucket: Bucket, redactor: Redactor
    ) -> None:
        _return_large_blocks()
        self._collection = settings.collection
        self._writer = writer
        self._bucket = bucket
        self._redactor = redactor
        self._dead_letters = DeadLetters(redactor, enabled=settings.log_unstored)

    def keep(self, body: bytes, budget: Budget, entry: LogEntry) -> Receipt:
        """Store the mail before *budget* is spent. Raises MalformedEnvelope, StoreUnavailable."""
        # MalformedEnvelope: it is the status of sent mail, which is in quarantine by then.
        entry.bytes = len(body)
        received_at = datetime.now(UTC)
        try:
            return self._keep(body, received_at, budget, entry)
        except StoreUnavailable as error:
            self._dead_letters.log_body(body)
            failure = type(error)(*error.args)
        # Google's clients keep the errors of all tries in a cycle, and so what was not uploaded.
        gc.collect()
        raise failure

    def _keep(self, body: bytes, received_at: datetime, budget: Budget, entry: LogEntry) -> Receipt:
        try:
            document = mail_document(read_mail(read_parts(body)), self._bucket.name)
            self._bucket.upload(document.objects, budget)
            documents = {document.id: document.fields}
            made = self._writer.create(self._collection, documents, received_at, budget)
            return Receipt(stored=len(made), unchanged=1 - len(made))
        except UnreadableMail as error:
            why = error.why
        except DocumentRefused:
            why = Reason.REFUSED_BY_FIRESTORE
        except MalformedEnvelope:
            self._quarantine(body, Reason.NOT_A_MAIL, received_at, budget)
            raise
        except StoreUnavailable:
            raise
        except Exception as error:
            # A mail on which this program fails is not lost: it can be posted again after the fix.
            why = Reason.UNREADABLE_MAIL
            entry.detail = _place(error)
        self._quarantine(body, why, received_at, budget)
        return Receipt(stored=0, unchanged=0, quarantined=1, why=Counter([why.value]))

    def _quarantine(self, body: bytes, why: Reason, received_at: datetime, budget: Budget) -> None:
        content = self._redactor.redact(body)
        name = f"quarantine/{hashlib.sha256(content).hexdigest()}"
        entry = {
            "kind": "body",
            "why": why.value,
            "size": len(content),
            "stored_at": f"gs://{self._bucket.name}/{name}",
        }
        self._bucket.upload({name: content}, budget)
        collection = f"{self._collection}_quarantine"
        self._writer.create(collection, {name.partition("/")[2]: entry}, received_at, budget)


def _return_large_blocks() -> None:
    """Make glibc give each block over 1 MiB back when it is freed, not keep it per thread."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:  # another C library has none
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _place(error: Exception) -> str:
    """Return what failed and where, without the message of *error*, which may quote the mail."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = (f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {', '.join(places)}"
