"""The card of an address, and the meaning of a mail, as `show` prints them."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.rendering import coloured, labelled
from cmc_webhook.reading import table
from cmc_webhook.reading.addresses import Card, explain_card, newest_status
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.meanings import (
    Explanation,
    Link,
    is_bounce_alone,
    short_cause,
    status_word,
)
from cmc_webhook.reading.near import compared, with_right_domain
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import sentence

_INDENT = "  "


def card_lines(card: Card, texts: Texts, zone: ZoneInfo) -> Iterator[str]:
    """Yield the card: the verdict, its meaning, the reply, other addresses, and the mails."""
    yield click.style(table.printable(card.address), bold=True)
    said = [newest_status(card, texts, zone), sentence(card.verdict, texts, zone)]
    if card.stop_is_doubtful:
        said.append(texts.text("stops.alone"))
    if card.verdict.cause:
        said.append(texts.text("stops.how_to_allow", address=shlex.quote(card.address)))
    for each in said:
        yield from table.wrap(table.printable(each), table.terminal_width())
    newest = card.mails[0].fields if card.mails else {}
    yield from meaning_lines(newest, explain_card(card, texts, zone), texts)
    if reason := newest.get("reason"):
        yield from _part(texts.text("card.reply"), reason)
    if right := with_right_domain(card.address):
        yield from _part(texts.text("card.right_domain"), right)
    if card.near:
        yield from _part(texts.text("near.title"), compared(card.near, texts), *card.near.addresses)
    if card.siblings:
        yield from _part(texts.text("card.siblings"), texts.text("card.siblings_about"))
        yield from _rows(card.siblings, texts, zone)
    if card.mails:
        counts = (f"{texts.name('status', word)}: {n:,}" for word, n in card.counts.most_common())
        first = f"{texts.text('card.first')}: {shown(card.first, zone)}"
        last = f"{texts.text('card.last')}: {shown(card.last, zone)}"
        yield from _part(texts.text("card.counts"), ", ".join(counts), first, last)
        yield from _part(texts.text("card.newest", count=len(card.mails)))
        yield from _rows(card.mails, texts, zone)
    read = "card.read" if card.is_complete else "card.read_part"
    yield ""
    yield texts.text(read, count=f"{card.documents_read:,}")


def meaning_lines(
    fields: Mapping[str, Any], explanation: Explanation, texts: Texts
) -> Iterator[str]:
    """Yield what the status document *fields* means, in three parts."""
    alone = [texts.text("mail.bounce_alone")] if is_bounce_alone(fields) else []
    yield from _part(texts.text("mail.happened"), explanation.happened, *alone)
    yield from _part(texts.text("mail.customer"), f"({texts.text('customer.warning')})")
    yield ""
    # Neither wrapped nor indented, so that it can be copied.
    yield table.printable(explanation.customer)
    for link in explanation.links:
        if link.for_customer:
            yield from ("", _link(link))
    ours = [_link(link) for link in explanation.links if not link.for_customer]
    no_resend = f"({texts.text('card.no_resend')})"
    yield from _part(texts.text("mail.todo"), explanation.todo, no_resend, *ours)


def _link(link: Link) -> str:
    return f"{link.text}: {link.url}"


def _rows(mails: Sequence[Document], texts: Texts, zone: ZoneInfo) -> Iterator[str]:
    rows = [_cells(mail, texts, zone) for mail in mails]
    width = table.terminal_width() - len(_INDENT)
    for mail, cells in zip(mails, table.lines(rows, width, (2, 3, 4)), strict=True):
        cells[1] = coloured(cells[1], mail.fields.get("status", ""))
        yield _INDENT + table.joined(cells)


def _cells(mail: Document, texts: Texts, zone: ZoneInfo) -> list[str]:
    fields = mail.fields
    cause = fields.get("bounce_cause", "")
    mark = " *" if is_bounce_alone(fields) else ""
    return [
        shown(fields.get("status_at"), zone, "%Y-%m-%d %H:%M"),
        texts.name("status", status_word(fields.get("status", ""), cause)) + mark,
        short_cause(fields, texts),
        fields.get("to", ""),
        fields.get("subject") or fields.get("message_id", ""),
    ]


def _part(heading: str, *paragraphs: str) -> Iterator[str]:
    yield ""
    yield click.style(heading, bold=True)
    for paragraph in paragraphs:
        yield from labelled("", paragraph, len(_INDENT))
