"""What the search box was asked for: how its text was understood, and what else it may mean."""

from collections.abc import Sequence
from typing import NamedTuple

from cmc_webhook.console.filters import BadParameterError, Parameters, read_question
from cmc_webhook.reading.pasted import Search, is_address, recipients, searches
from cmc_webhook.reading.statuses import MailStatuses


class Question(NamedTuple):
    """The *text* of the box, the *search* that answers it, and *others* that may be meant instead.

    *card*: the address of which the card is the better answer.
    """

    text: str
    search: Search | None
    others: Sequence[Search]
    card: str | None
    documents_read: int


def ask(statuses: MailStatuses, given: Parameters) -> Question:
    """Return what *given* asks for; one read for each meaning. Raises BadParameterError."""
    text, preferred = read_question(given)
    meant = searches(text)
    if text and not meant:
        raise BadParameterError("q")
    found = statuses.matches(meant)
    # What begins with a whole value may be meant, too.
    whole = [search for search in found if search.whole and not search.text.endswith(">")]
    wider = [search._replace(whole=False) for search in whole]
    by_name = {search.name: search for search in reversed([*found, *wider])}
    chosen = by_name.get(preferred) or (found[0] if found else None)
    others = [search for search in reversed(by_name.values()) if search is not chosen]
    address = recipients(text)[0] if is_address(text) and not preferred else None
    card = address if chosen == ("to", address, True) else None
    return Question(text, chosen, others, card, len(found))
