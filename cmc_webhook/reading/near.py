"""Addresses like one without any mail: it was mistyped when it was registered, or is now."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.texts import Texts

# How many documents are read at most, each of which is billed.
MOST = 300
_MOST_OF_A_QUERY = 15
# https://cloud.google.com/firestore/docs/query-data/queries#limits_on_or_queries
_VALUES_OF_A_QUERY = 30
_QUERIES = 3
_SHARED = 3
_SHOWN = 10
_LIKENESS = 0.85
# The wrong domains of each right one.
_TYPOS: Mapping[str, Sequence[str]] = tomllib.loads(
    Path(__file__).with_name("domain_typos.toml").read_text(encoding="utf-8")
)
# Of those that are right for somebody, nobody is told that they are wrong.
_RIGHT = {
    wrong: right for right, others in _TYPOS.items() for wrong in others if wrong not in _TYPOS
}


class Near(NamedTuple):
    """The likest addresses of all that begin with *start*, or if not complete of the nearest."""

    addresses: Sequence[str]
    start: str
    is_complete: bool
    documents_read: int


def near_addresses(statuses: MailStatuses, address: str) -> Near:
    """Return the addresses with mail that are like *address*, or like its beginning."""
    guesses = [*dict.fromkeys(_guesses(address))][: _QUERIES * _VALUES_OF_A_QUERY]
    known = [
        found
        for n in range(0, len(guesses), _VALUES_OF_A_QUERY)
        for found in statuses.known_among(guesses[n : n + _VALUES_OF_A_QUERY], _MOST_OF_A_QUERY)
    ]
    start = address[:_SHARED]
    most = MOST - _QUERIES * _MOST_OF_A_QUERY
    around = statuses.addresses_around(address, start, most) if start else []
    found = [*dict.fromkeys([*known, *alike(address, around)])]
    return Near(found[:_SHOWN], start, len(around) < most // 2, len(known) + len(around))


def alike(address: str, others: Iterable[str]) -> list[str]:
    """Return those of *others* that are spelt alike, then those with the same local part."""
    others = [*dict.fromkeys(others)]
    local = address.rpartition("@")[0] or address
    if "@" not in address:
        spelt = {other.rpartition("@")[0]: other for other in others}
        return [spelt[name] for name in _close(local, spelt)]
    found = _close(address, others)
    return found + [o for o in others if o.rpartition("@")[0] == local and o not in found]


def compared(near: Near, texts: Texts) -> str:
    """Return which addresses were compared, and which cannot be found."""
    which = "near.all" if near.is_complete else "near.nearest"
    return texts.sentences([which, "near.limits"], start=near.start)


def with_right_domain(address: str) -> str | None:
    """Return *address* with the domain for which its own is often mistaken."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{_RIGHT[domain]}" if local and domain in _RIGHT else None


def _close(text: str, others: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(text, [*others], _SHOWN, _LIKENESS)


def _guesses(address: str) -> Iterator[str]:
    """Yield addresses of which people write *address*, or that they write in its place."""
    local, at, domain = address.rpartition("@")
    for other in _TYPOS.get(domain, [_RIGHT[domain]] if domain in _RIGHT else []):
        yield f"{local}{at}{other}"
    for n in range(len(local)):
        swapped = local[:n] + local[n : n + 2][::-1] + local[n + 2 :]
        for each in (local[:n] + local[n + 1 :], swapped, local[: n + 1] + local[n:]):
            if each not in ("", local):
                yield f"{each}{at}{domain}"
