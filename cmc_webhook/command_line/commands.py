"""Every command of this room with its options. What a command does is imported when it runs."""

from pathlib import Path
from typing import Any

import click

from cmc_webhook.command_line import values
from cmc_webhook.command_line.values import ADDRESS, ID, POSITION, RATE, TEXT, TIME, ZONE, WordType
from cmc_webhook.reading.cli import Group, Together, command, option
from cmc_webhook.reading.language import text
from cmc_webhook.reading.options import firestore_options, function_options
from cmc_webhook.simulator.scenarios import OFFERED

_FILES = click.Choice(["csv", "jsonl"])
_STATUSES = ("queued", "deferred", "succeeded", "failed", "bounce")
# A forward error is a bounce to Firestore, with a word of its own for people.
_STATUS = WordType("status", without=("forward_error",))
_STOP = WordType("stop", without=("unsubscribed", "unknown", "unreadable"))

_json = option("--json", "json_lines", is_flag=True)
_page = (
    option("--limit", default=50, type=click.IntRange(1, 1000)),
    option("--after", type=POSITION),
    _json,
)
_yes = option("--yes", is_flag=True)
_inbound = option("--inbound", is_flag=True)
_name = click.Argument(["name"], metavar="ID")
_entries = (
    click.Argument(["names"], metavar="[ID]...", nargs=-1),
    option("--all", "everything", is_flag=True),
    _yes,
)
_file = click.Argument(["file"], type=click.File("rb"))
_output = option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
_address = click.Argument(["address"], type=ADDRESS)
_rate = option("--rate", default=0.0, type=RATE)
_note = option("--note", default="")
_domain = option("--domain", default="", type=TEXT)


def _filters(**values: Any) -> Any:
    from cmc_webhook.reading.statuses import Filters

    filters = Filters(**values)
    if filters.are_too_many():
        raise click.UsageError(text("usage.too_many"))
    return filters


_FILTERS = Together(
    "filters",
    _filters,
    option("--status", "statuses", multiple=True, type=_STATUS, metavar="STATUS"),
    option("--to", default="", type=TEXT),
    _domain,
    option("--message-id", default="", type=TEXT),
    option("--api-data", default="", type=TEXT),
    option("--cause", "causes", multiple=True, type=WordType("cause"), metavar="CAUSE"),
    option("--class", "classes", multiple=True, type=WordType("class"), metavar="CLASS"),
    option("--diagnosis", "diagnoses", multiple=True, type=WordType("diagnosis"), metavar="WORD"),
    option("--composition", default="", type=TEXT),
    option("--since", type=TIME),
    option("--until", type=TIME),
)


def _reading(name: str, place: str, *options: click.Parameter | Together) -> click.Command:
    return command(name, f"command_line.{place}", *options, firestore_options)


COMMANDS = (
    command(
        "send",
        "command_line.send:send",
        click.Argument(["status"], required=False, type=click.Choice(_STATUSES)),
        option("--code", type=click.IntRange(1, 999)),
        option("--scenario", type=click.Choice(OFFERED), metavar="NAME"),
        option("--count", default=1, type=click.IntRange(1)),
        option("--recipients", default=1, type=click.IntRange(1, 1000)),
        option("--rate", default=0.0, type=RATE, entry="events"),
        option("--format", "form", default="form", type=click.Choice(["form", "json"])),
        option("--version", default=2, type=click.IntRange(1, 2)),
        option("--zone", type=ZONE),
        option("--seed", type=int),
        option("--end", type=TIME),
        option("--concurrency", default=1, type=click.IntRange(1, 64)),
        option("--lose", metavar="SHARE", default=0.0, type=click.FloatRange(0, 1)),
        option("--real-url", is_flag=True),
        *function_options,
    ),
    _reading("list", "statuses:list_mails", _FILTERS, *_page),
    _reading("show", "statuses:show", click.Argument(["name"], metavar="ADDRESS|ID"), _json),
    _reading(
        "stats",
        "stats:stats",
        option("--days", default=7, type=click.IntRange(1, 30)),
        option("--day", type=values.DAY),
        option("--subject", default=""),
        _domain,
        option("--csv", "form", flag_value="csv", entry="numbers_csv"),
        option("--json", "form", flag_value="json", entry="as_object"),
    ),
    _reading(
        "export",
        "export:export",
        _FILTERS,
        option("--format", "form", type=_FILES, default="csv", entry="file_format"),
        _output,
        option("--after", type=POSITION, entry="continue_export"),
    ),
    Group(
        "addresses",
        _reading(
            "addresses list",
            "addresses:list_addresses",
            option("--csv", "as_csv", is_flag=True),
            option("--cause", type=_STOP, metavar="CAUSE", entry="stop_cause"),
            option("--domain", default="", type=TEXT, entry="address_domain"),
            option("--since", type=TIME, entry="stopped_since"),
            *_page,
        ),
        _reading(
            "addresses check",
            "addresses:check_file",
            _file,
            option("--column", default=""),
            option("--composition", type=TEXT, entry="through"),
            _output,
        ),
        _reading("addresses show", "addresses:show", _address),
        _reading("addresses allow", "addresses:allow", _address, _note, _yes),
        _reading("addresses block", "addresses:block", _address, _note),
    ),
    _reading("forget", "forget:forget", _address, _yes),
    Group(
        "inbound",
        _reading("inbound list", "received:list_mails", *_page),
        _reading("inbound show", "received:show", _name, _json),
    ),
    Group(
        "quarantine",
        _reading("quarantine list", "quarantine:list_entries", *_page, _inbound),
        _reading("quarantine show", "quarantine:show", _name, _inbound),
        _reading("quarantine replay", "quarantine:replay", *_entries, *function_options),
        _reading("quarantine delete", "quarantine:delete", *_entries, _inbound),
    ),
    command(
        "replay",
        "command_line.send:replay",
        _file,
        option("--rate", default=0.0, type=RATE),
        _yes,
        *function_options,
    ),
    _reading(
        "rebuild",
        "rebuild:rebuild",
        option("--addresses", "of_addresses", is_flag=True),
        option("--zone", type=ZONE, entry="zone_of_times"),
        option("--store", is_flag=True),
        option("--after", type=ID, entry="continue_rebuild"),
        _yes,
    ),
    command(
        "reconcile",
        "reconcile.command:reconcile",
        option("--bounces", is_flag=True),
        option("--since", type=TIME, entry="bounces_since"),
        option("--day", type=TIME, entry="rows_of_day"),
        option(
            "--requests", "most", metavar="N", default=1, type=click.IntRange(1), entry="requests"
        ),
        option("--store", is_flag=True, entry="store_rows"),
        _yes,
        firestore_options,
    ),
    _reading(
        "doctor",
        "doctor:doctor",
        option("--last", default=200, type=click.IntRange(1, 1000)),
        option("--deployment", "with_gcloud", is_flag=True),
    ),
)
