"""From an accepted post to a document, its attachments or quarantine. No HTTP in it."""

import hashlib
from collections import Counter
from datetime import UTC, datetime

from cmc_webhook.auth import Credentials
from cmc_webhook.errors import DocumentRefused, MalformedEnvelope, StoreUnavailable
from cmc_webhook.inbound.bucket import Bucket
from cmc_webhook.inbound.document import MailDocument, mail_document
from cmc_webhook.inbound.errors import UnreadableMail
from cmc_webhook.inbound.parts import read_post
from cmc_webhook.inbound.providers import read_mail
from cmc_webhook.logs import log
from cmc_webhook.receipt import Receipt
from cmc_webhook.rpc import Budget
from cmc_webhook.settings import InboundSettings
from cmc_webhook.unstored import unstored_body
from cmc_webhook.writer import Writer


class InboundIntake:
    """Keeps received mails: attachments in *bucket*, then the document. Thread-safe."""

    def __init__(
        self, settings: InboundSettings, credentials: Credentials, writer: Writer, bucket: Bucket
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._writer = writer
        self._bucket = bucket

    def keep(self, body: bytes, budget: Budget) -> Receipt:
        """
        Keep the mail in *body*, as a document or in quarantine, before *budget* is spent.

        Raise MalformedEnvelope once a post of the other webhook is in quarantine;
        StoreUnavailable if anything could not be kept.
        """
        received_at = datetime.now(UTC)
        try:
            return self._keep(body, received_at, budget)
        except StoreUnavailable:
            if self._settings.log_unstored:
                log("ERROR", "Not stored.", body=unstored_body(body, self._credentials))
            raise

    def _keep(self, body: bytes, received_at: datetime, budget: Budget) -> Receipt:
        try:
            document = mail_document(read_mail(read_post(body)), self._bucket.name)
            return self._store(document, received_at, budget)
        except UnreadableMail as error:
            why = error.why
        except DocumentRefused:
            why = "refused_by_firestore"
        except MalformedEnvelope:
            self._quarantine(body, "not_a_mail", received_at, budget)
            raise
        self._quarantine(body, why, received_at, budget)
        return Receipt(stored=0, unchanged=0, quarantined=Counter([why]))

    def _store(self, document: MailDocument, received_at: datetime, budget: Budget) -> Receipt:
        self._bucket.keep(document.objects, budget)
        documents = {document.id: document.fields}
        made = self._writer.create(self._settings.collection, documents, received_at, budget)
        return Receipt(stored=len(made), unchanged=1 - len(made))

    def _quarantine(self, body: bytes, why: str, received_at: datetime, budget: Budget) -> None:
        content = self._credentials.redact(body)
        name = f"quarantine/{hashlib.sha256(content).hexdigest()}"
        entry = {
            "kind": "body",
            "why": why,
            "size": len(content),
            "stored_at": f"gs://{self._bucket.name}/{name}",
        }
        self._bucket.keep({name: content}, budget)
        collection = f"{self._settings.collection}_quarantine"
        self._writer.create(collection, {name.partition("/")[2]: entry}, received_at, budget)
