"""Compares received mail in Firestore with the mails that were sent."""

from collections import defaultdict
from collections.abc import Mapping

from cmc_webhook.command_line.verify import told
from cmc_webhook.reading.connection import Connection
from cmc_webhook.reading.queries import Document
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.simulator.received import ReceivedMail
from cmc_webhook.simulator.received_oracle import differences


def verify_received(connection: Connection, mails: Mapping[str, ReceivedMail]) -> list[str]:
    """Return a sentence for everything that is wrong with *mails*, each by its message id."""
    received = ReceivedMails(connection.client, connection.inbound_collection)
    found: dict[str, list[Document]] = defaultdict(list)
    for document in received.of_messages([*mails]):
        found[document.fields["message_id"]].append(document)
    wrong = []
    for message_id, mail in mails.items():
        documents = found[message_id]
        if len(documents) != 1:
            times = f"is there {len(documents)} times" if documents else "is not there"
            wrong.append(f"{message_id}: {times}.")
        for document in documents:
            wrong += [
                f"{document.id}: {field} is {told(has)}, not {told(must)}."
                for field, (has, must) in differences(mail, document.fields).items()
            ]
    return wrong
