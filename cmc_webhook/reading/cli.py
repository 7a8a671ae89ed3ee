"""How every command is declared, helps and fails, in the language of its user.

A command is declared apart from what it does, so that help and wrong usage are answered without
importing Google's client. Its texts are in the catalogue: `command.list` and, for an option,
`option.limit`; the word of an option that is not its own name is its *entry*.
"""

import gettext
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from io import TextIOWrapper
from itertools import chain
from typing import Any

import click

from cmc_webhook.reading import table
from cmc_webhook.reading.language import ask_for_language, text, texts
from cmc_webhook.reading.texts import LANGUAGES
from cmc_webhook.settings import SettingsError

# What a shell expects after Ctrl-C, and after writing to a pipe that nobody reads.
_INTERRUPTED, _NO_READER = 130, 141


class BadSetting(click.ClickException):
    """A setting is wrong: one sentence, without the usage of the command, and exit status 2."""

    exit_code = 2


class Option(click.Option):
    """An option whose help is the text `option.<entry>`, by default its name."""

    def __init__(self, *names: Any, entry: str = "", **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.entry = entry or str(self.name)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return what the help says of the option; {words} are the words that it takes."""
        words = texts().listed(getattr(self.type, "choices", ()))
        self.help = text(f"option.{self.entry}", words=words)
        return super().get_help_record(ctx)


class Parsed(click.ParamType[Any]):
    """What *read* returns for a text; if it raises ValueError, the text *wrong* says so."""

    def __init__(self, name: str, read: Callable[[str], Any], wrong: str) -> None:
        self.name = name
        self._read = read
        self._wrong = wrong

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return self._read(value)
        except ValueError:
            self.fail(text(self._wrong, value=value), param, ctx)


class _Formatter(click.HelpFormatter):
    """Help in the columns of a terminal, where a Japanese character takes two."""

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for line in text.splitlines():
            for part in table.wrap(line, self.width - self.current_indent):
                self.write(f"{indent}{part}".rstrip() + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        rows, indent = list(rows), " " * self.current_indent
        room = min(max(table.width(term) for term, _ in rows), col_max) + col_spacing
        for term, meaning in rows:
            if table.width(term) > room - col_spacing:
                self.write(f"{indent}{term}\n")
                term = ""
            for line in table.wrap(meaning, max(20, self.width - room - self.current_indent)):
                self.write(f"{indent}{table.pad(term, room)}{line}\n")
                term = ""


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help is the text `command.<entry>`; *name* may stand behind its group's."""

    context_class = _Context

    def __init__(self, name: str, **attributes: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"]}
        super().__init__(name.rpartition(" ")[2], context_settings=settings, **attributes)
        self._entry = f"command.{name.replace(' ', '_')}"
        choice = click.Choice(LANGUAGES)
        self.params.append(Option(["--lang"], type=choice, expose_value=False))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run; what the terminal cannot show is replaced."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _failing_in_one_sentence():
            return super().make_context(*args, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*, of which --lang comes first: errors are told in its language."""
        if ctx.parent is None:
            ask_for_language(args)
        try:
            "".join(args).encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(text("usage.not_utf8"), ctx) from error
        _, _, order = self.make_parser(ctx).parse_args([*args])
        for param, count in Counter(order).items():
            is_single = isinstance(param, click.Option) and not (param.multiple or param.is_flag)
            if count > 1 and is_single:
                raise click.UsageError(text("usage.once", option=param.opts[0]), ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _failing_in_one_sentence():
            return super().invoke(ctx)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option --help, which click keeps with its first translation."""
        found = super().get_help_option(ctx)
        if found:
            found.help = texts().name("click", "Show this message and exit.")
        return found

    def get_short_help_str(self, limit: int = 45) -> str:
        return text(self._entry).partition("\n")[0]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text(self._entry))


class Group(Command, click.Group):
    """A command that has others below it."""

    def __init__(self, name: str, *commands: click.Command, **attributes: Any) -> None:
        super().__init__(name, commands=commands, **attributes)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Together:
    """Options that are one *argument* of the command: what *make* returns for their values."""

    def __init__(self, argument: str, make: Callable[..., Any], *options: Option) -> None:
        self.argument = argument
        self.make = make
        self.options = options


def option(*names: str, **attributes: Any) -> Option:
    """Return an option; its help is in the catalogue."""
    return Option(names, show_default=bool(attributes.get("default")), **attributes)


def command(name: str, place: str, *options: click.Parameter | Together) -> Command:
    """Return a command with *options* that calls the function at *place* ("module:name")."""
    together = [each for each in options if isinstance(each, Together)]
    groups = (each.options if isinstance(each, Together) else [each] for each in options)
    params = [*chain.from_iterable(groups)]
    return Command(name, callback=partial(_call, place, together), params=params)


def progress_bar(each: Any = None, length: int | None = None) -> AbstractContextManager[Any]:
    """Return a progress bar on stderr, which is hidden unless that is a terminal."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(each, length, file=sys.stderr, hidden=hidden)


def confirm(question: str) -> None:
    """Ask on stderr; without a yes the command ends."""
    click.confirm(question, abort=True, err=True)


def _call(place: str, together: Sequence[Together], **options: Any) -> None:
    for each in together:
        values = {str(option.name): options.pop(str(option.name)) for option in each.options}
        options[each.argument] = each.make(**values)
    module, _, name = place.partition(":")
    function = getattr(import_module(f"cmc_webhook.{module}"), name)
    # During the imports Ctrl-C ends the process at once, which leaves no traceback.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    function(**options)
    sys.stdout.flush()


@contextmanager
def _failing_in_one_sentence() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except SettingsError as error:
        raise BadSetting(texts().translated(str(error))) from error
    except BrokenPipeError:
        # The rest goes nowhere, or Python would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_NO_READER)
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{file}{error.strerror or error}.") from error
    except Exception as error:
        from google.api_core.exceptions import GoogleAPIError

        if not isinstance(error, GoogleAPIError):
            raise
        raise click.ClickException(f"Firestore: {str(error).splitlines()[0]}") from error


# click asks gettext for each of its sentences. gettext has no way to add a catalogue but a
# compiled file, so ours is put in its place.
gettext.dgettext = lambda domain, message: texts().name("click", message)
gettext.dngettext = lambda domain, msgid1, msgid2, n: texts().name(
    "click", msgid1 if n == 1 else msgid2
)
