"""What the search box was asked for: how its text was understood, and what else it may mean."""

from collections.abc import Sequence
from typing import NamedTuple

from cmc_webhook.console.filters import Parameters, read_question
from cmc_webhook.reading.near import Near, near_addresses
from cmc_webhook.reading.pasted import is_address, meanings, recipients
from cmc_webhook.reading.statuses import MailStatuses, Search


class Question(NamedTuple):
    """
    The *text* of the box, the *search* that answers it, and those that may be meant instead.

    *card*: the address of which the card is the better answer.
    """

    text: str
    search: Search | None
    others: Sequence[Search]
    card: str | None
    documents_read: int


def ask(statuses: MailStatuses, given: Parameters) -> Question:
    """Return what *given* asks for; reads one document for each meaning that the text may have."""
    text, preferred = read_question(given)
    found = statuses.matches(meanings(text))
    # What begins with a whole value may be meant, too.
    wider = [search._replace(whole=False) for search in found if search.whole]
    by_name = {search.name: search for search in reversed([*found, *wider])}
    chosen = by_name.get(preferred) or (found[0] if found else None)
    others = [search for name, search in reversed(by_name.items()) if search is not chosen]
    card = recipients(text)[0] if is_address(text) and not preferred else None
    if chosen and (chosen.field, chosen.text, chosen.whole) != ("to", card, True):
        card = None
    return Question(text, chosen, others, card, len(found))


def near(statuses: MailStatuses, question: Question) -> Near:
    """Return the addresses that may be meant by a text for which nothing was found."""
    return near_addresses(statuses, recipients(question.text)[0])
