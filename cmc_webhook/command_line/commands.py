"""Every command of this room with its options. What a command does is imported when it runs."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmc_webhook.command_line.values import (
    AddressType,
    CursorType,
    IdType,
    RateType,
    TextType,
    TimeType,
    WordType,
    ZoneType,
)
from cmc_webhook.reading.cli import Group, adding, command, option
from cmc_webhook.reading.language import text
from cmc_webhook.reading.options import firestore_options, function_options
from cmc_webhook.simulator.scenarios import OFFERED

if TYPE_CHECKING:
    from cmc_webhook.reading.queries import Cursor

_STATUSES = ("queued", "deferred", "succeeded", "failed", "bounce")
# A forward error is a bounce to Firestore, with a word of its own for people.
_STATUS = WordType("status", without=("forward_error",))
_STOP = WordType("stop", without=("unsubscribed", "unknown", "unreadable"))


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The options ``--limit``, ``--after`` and ``--json``."""

    limit: int
    after: "Cursor | None"
    json_lines: bool


_json = option("--json", "json_lines", is_flag=True)
_yes = option("--yes", is_flag=True)
_inbound = option("--inbound", is_flag=True)
_everything = option("--all", "everything", is_flag=True)
_rate = option("--rate", default=0.0, type=RateType())
_output = option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
_address = click.argument("address", type=AddressType())
_note = option("--note", default="")
_domain = option("--domain", default="", type=TextType())
_FILTERS = (
    option("--status", "statuses", multiple=True, type=_STATUS, metavar="STATUS"),
    option("--to", default="", type=TextType()),
    _domain,
    option("--message-id", default="", type=TextType()),
    option("--api-data", default="", type=TextType()),
    option("--cause", "causes", multiple=True, type=WordType("cause"), metavar="CAUSE"),
    option("--class", "classes", multiple=True, type=WordType("class"), metavar="CLASS"),
    option("--diagnosis", "diagnoses", multiple=True, type=WordType("diagnosis"), metavar="WORD"),
    option("--composition", default="", type=TextType()),
    option("--since", type=TimeType()),
    option("--until", type=TimeType()),
)


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give *function* the options that filter mails, as its argument *filters*."""

    @adding(*_FILTERS)
    @functools.wraps(function)
    def with_filters(**options: Any) -> Any:
        from cmc_webhook.reading.statuses import Filters

        names = Filters.__dataclass_fields__
        filters = Filters(**{name: options.pop(name) for name in names if name in options})
        if filters.are_too_many():
            raise click.UsageError(text("usage.too_many"))
        return function(filters=filters, **options)

    return with_filters


def _page(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give *function* the options of a page, as its argument *page*."""

    @option("--limit", default=50, type=click.IntRange(1, 1000))
    @option("--after", type=CursorType())
    @_json
    @functools.wraps(function)
    def with_page(limit: int, after: "Cursor | None", json_lines: bool, **options: Any) -> Any:
        return function(page=PageOptions(limit, after, json_lines), **options)

    return with_page


def _here(name: str, place: str, *options: Callable[..., Any]) -> click.Command:
    return command(name, f"command_line.{place}", *options)


COMMANDS = (
    _here(
        "send",
        "send:send",
        click.argument("status", required=False, type=click.Choice(_STATUSES)),
        option("--code", type=click.IntRange(1, 999)),
        option("--scenario", type=click.Choice(OFFERED), metavar="NAME"),
        option("--count", default=1, type=click.IntRange(1)),
        option("--recipients", default=1, type=click.IntRange(1, 1000)),
        option("--rate", default=0.0, type=RateType(), entry="events"),
        option("--format", "form", default="form", type=click.Choice(["form", "json"])),
        option("--version", default=2, type=click.IntRange(1, 2)),
        option("--zone", type=ZoneType()),
        option("--seed", type=int),
        option("--end", type=TimeType()),
        option("--concurrency", default=1, type=click.IntRange(1, 64)),
        option("--real-url", is_flag=True),
        function_options,
    ),
    _here("list", "statuses:list_mails", _filters, _page, firestore_options),
    _here(
        "show",
        "statuses:show",
        click.argument("name", metavar="ADDRESS|ID"),
        _json,
        firestore_options,
    ),
    _here(
        "stats",
        "stats:stats",
        option("--days", default=7, type=click.IntRange(1, 366)),
        _domain,
        option("--json", "as_object", is_flag=True),
        firestore_options,
    ),
    _here(
        "export",
        "export:export",
        _filters,
        option(
            "--format",
            "form",
            type=click.Choice(["csv", "jsonl"]),
            default="csv",
            entry="file_format",
        ),
        _output,
        option("--after", type=CursorType(), entry="continue_export"),
        firestore_options,
    ),
    Group(
        "addresses",
        _here(
            "addresses list",
            "addresses:list_addresses",
            option("--csv", "as_csv", is_flag=True),
            option("--cause", type=_STOP, metavar="CAUSE", entry="stop_cause"),
            option("--domain", default="", type=TextType(), entry="address_domain"),
            option("--since", type=TimeType(), entry="stopped_since"),
            _page,
            firestore_options,
        ),
        _here(
            "addresses check",
            "addresses:check_file",
            click.argument("file", type=click.File("rb")),
            option("--column", default=""),
            option("--composition", type=TextType(), entry="through"),
            _output,
            firestore_options,
        ),
        _here("addresses show", "addresses:show", _address, firestore_options),
        _here("addresses allow", "addresses:allow", _address, _note, _yes, firestore_options),
        _here("addresses block", "addresses:block", _address, _note, firestore_options),
    ),
    _here("forget", "forget:forget", _address, _yes, firestore_options),
    Group(
        "inbound",
        _here("inbound list", "received:list_mails", _page, firestore_options),
        _here(
            "inbound show",
            "received:show",
            click.argument("name", metavar="ID"),
            _json,
            firestore_options,
        ),
    ),
    Group(
        "quarantine",
        _here("quarantine list", "quarantine:list_entries", _page, _inbound, firestore_options),
        _here(
            "quarantine show",
            "quarantine:show",
            click.argument("name", metavar="ID"),
            _inbound,
            firestore_options,
        ),
        _here(
            "quarantine replay",
            "quarantine:replay",
            click.argument("names", metavar="[ID]...", nargs=-1),
            _everything,
            _yes,
            function_options,
            firestore_options,
        ),
        _here(
            "quarantine delete",
            "quarantine:delete",
            click.argument("names", metavar="[ID]...", nargs=-1),
            _everything,
            _yes,
            _inbound,
            firestore_options,
        ),
    ),
    _here(
        "replay",
        "replay:replay",
        click.argument("file", type=click.File("rb")),
        _rate,
        _yes,
        function_options,
    ),
    _here(
        "rebuild",
        "rebuild:rebuild",
        option("--addresses", "of_addresses", is_flag=True),
        option("--zone", type=ZoneType(), entry="zone_of_times"),
        option("--store", is_flag=True),
        option("--after", type=IdType(), entry="continue_rebuild"),
        _yes,
        firestore_options,
    ),
    _here(
        "doctor",
        "doctor:doctor",
        option("--last", default=200, type=click.IntRange(1, 1000)),
        option("--deployment", "with_gcloud", is_flag=True),
        firestore_options,
    ),
)
