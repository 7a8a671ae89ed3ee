"""`check`: a sample record through the deployed function, read back and deleted."""

import os
import time
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from google.cloud import firestore
from google.oauth2.credentials import Credentials

from cmc_webhook.deployment.deployed import FUNCTIONS, Function, ours
from cmc_webhook.deployment.gcloud import Gcloud, Refused, say
from cmc_webhook.deployment.steps import FUNCTION
from cmc_webhook.simulator.posting import bearer, is_loopback, post, saved_message
from cmc_webhook.status.document import document_id

_COMPOSITION, _TO = "check", "check@example.com"


def check(project: str) -> None:
    """Post a record with a fresh message id, read its document, delete it. Raises Refused."""
    gcloud = Gcloud(project)
    function = ours(gcloud.json(FUNCTIONS)).get(FUNCTION)
    if function is None or not function.url:
        raise Refused("deployed.no_function", project=project)
    database = function.setting("CMC_DATABASE")
    say("checking.posting", url=function.url, database=database)
    message_id = f"<check-{uuid.uuid4()}@example.com>"
    started = time.monotonic()
    _post(gcloud, function, message_id)
    # The client follows this variable. It is meant for a function on the same machine only.
    if not is_loopback(function.url):
        os.environ.pop("FIRESTORE_EMULATOR_HOST", None)
    token = gcloud.text(("auth", "print-access-token"))
    credentials = Credentials(token)  # type: ignore[no-untyped-call]
    client = firestore.Client(project=project, database=database, credentials=credentials)
    collection = client.collection(function.setting("CMC_COLLECTION"))
    document = collection.document(document_id(_COMPOSITION, message_id, _TO))
    if not document.get().exists:
        raise Refused("checking.not_stored", document=document.id)
    document.delete()
    say("checking.done", document=document.id, seconds=f"{time.monotonic() - started:.1f}")


def _post(gcloud: Gcloud, function: Function, message_id: str) -> None:
    """Post the record. Raises Refused if the function does not store it."""
    now = datetime.now(UTC).astimezone(ZoneInfo(function.setting("CMC_TIME_ZONE")))
    record = {"status": "queued", "to": _TO, "messageId": message_id,
              "created": f"{now:%Y-%m-%d %H:%M:%S}"}  # fmt: skip
    body = {"event_type": "deliveries", "server_composition": _COMPOSITION,
            "event": {"deliveries": [record]}}  # fmt: skip
    key = gcloud.text(function.key_command()).split("\n")[0]
    answer = post(function.url, saved_message(body, bearer(key)))
    if answer.counts.get("stored") != 1:
        hints = {"401": "checking.401", "403": "checking.403", "503": "checking.503"}
        raise Refused(hints.get(answer.text[:3], "checking.refused"), answer=answer.text)
