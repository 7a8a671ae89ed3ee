"""Whether an address may be mailed: a matter of many mails, not of the class of one. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.status.stop_rule import NO_END, Kind, Line, counted, stop

# Causes besides those of the rule: a stored stop without one, and a document that nobody can read.
UNKNOWN = "unknown"
UNREADABLE = "unreadable"
_DECISIVE = ("stop_until", "unsubscribed_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an address may be mailed, at one time."""

    cause: str = ""  # empty unless it is stopped
    since: datetime | None = None  # when the stop began; None if the facts do not tell
    until: datetime | None = None  # when the stop ends; None for no end
    line: Line | None = None  # of the rule; None: an operator decided
    unsubscribed_from: tuple[str, ...] = ()
    blocked_at: datetime | None = None  # when CMC last refused to send to it
    last_fact_at: datetime | None = None  # of a stopped address

    def allows(self, composition: str | None = None) -> bool:
        """Return whether the address may be mailed, through this server composition if given."""
        return not self.cause and composition not in self.unsubscribed_from


def verdict_of(document: Document | None, now: datetime) -> Verdict:
    """Return the verdict; an address whose document cannot be read is not mailed."""
    if document is None:
        return Verdict()
    fields = document.fields
    facts, operator = fields.get("facts", []), fields.get("operator")
    last_fact_at = max((fact["at"] for fact in facts), default=None)
    if any(name in document.unreadable for name in _DECISIVE):
        return Verdict(cause=UNREADABLE, last_fact_at=last_fact_at)
    blocks = [f["at"] for f in counted(facts, operator) if f["kind"] == Kind.BLOCKED]
    allowed = Verdict(
        unsubscribed_from=tuple(fields.get("unsubscribed_from", ())),
        blocked_at=max(blocks, default=None),
    )
    until = fields.get("stop_until")
    if until is None or until <= now:
        return allowed
    cause = fields.get("stop_cause", UNKNOWN)
    explained = stop(facts, operator)
    # Somebody may have edited the stop, or an older version may have written it.
    if explained and (explained.cause, explained.until) != (cause, until):
        explained = None
    return replace(
        allowed,
        cause=cause,
        since=explained and explained.since,
        until=None if until >= NO_END else until,
        line=explained and explained.line,
        last_fact_at=last_fact_at,
    )


def sentence(verdict: Verdict, texts: Texts, zone: ZoneInfo) -> str:
    """Return the verdict in words, with the numbers of the rule."""
    said = []
    if verdict.cause == UNREADABLE:
        said.append(texts.text("verdict.unreadable"))
    elif verdict.cause:
        cause = texts.name("stop", verdict.cause)
        end = texts.text("verdict.no_end")
        if verdict.until:
            end = texts.text("verdict.until", time=shown(verdict.until, zone, "%Y-%m-%d %H:%M"))
        line = verdict.line
        several = line is not None and line.days > 1
        key = "verdict.stopped_days" if several else "verdict.stopped"
        days, within = (line.days, line.within) if line else (0, 0)
        said.append(texts.text(key, cause=cause, end=end, days=days, within=within))
    if verdict.unsubscribed_from:
        names = ", ".join(verdict.unsubscribed_from)
        said.append(texts.text("verdict.unsubscribed", compositions=names))
    if verdict.blocked_at:
        said.append(texts.text("verdict.blocked", time=shown(verdict.blocked_at, zone)))
    if not verdict.cause:
        said.append(texts.text("verdict.otherwise" if said else "verdict.allowed"))
    return texts.joined(said)


def cause_text(verdict: Verdict, texts: Texts, composition: str | None = None) -> str:
    """Return why it may not be mailed in a few words, empty if it may."""
    if verdict.cause:
        return texts.name("stop", verdict.cause)
    return "" if verdict.allows(composition) else texts.text("stop.unsubscribed")


def end_text(verdict: Verdict, texts: Texts, zone: ZoneInfo) -> str:
    """Return the time at which a stop ends, empty if there is no stop."""
    if verdict.until:
        return shown(verdict.until, zone)
    return texts.text("verdict.never") if verdict.cause else ""
