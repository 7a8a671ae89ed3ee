"""Waits for the programs and prints what they print, until a signal stops them all."""

import signal
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from cmc_webhook.devserver.output import is_warning, terminal_line
from cmc_webhook.devserver.programs import Program
from cmc_webhook.local_firestore.errors import StartError

_POLL_S = 0.1


class Supervisor:
    """Supervises programs in one thread until a signal; *verbose* prints lines as they are."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)

    def run(self, programs: Sequence[Program], greeting: Iterable[str]) -> None:
        """Print *greeting* once all *programs* serve, and return after a signal.

        Raises StartError if one ends by itself. None of them runs any more then.
        """
        try:
            for program in programs:
                self._wait_until_serving(program)
            if not self._stopping:
                click.echo("\n".join(greeting))
            while not self._stopping:
                time.sleep(_POLL_S)
                for program in programs:
                    program.require_running()
                    self._show(program, program.lines())
        finally:
            for program in programs:
                program.terminate()  # all at the same time
            for program in programs:
                program.stop()
                self._show(program, program.lines())

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _wait_until_serving(self, program: Program) -> None:
        """Wait; what is printed meanwhile is shown if it is a warning or the program ends."""
        printed: list[str] = []
        try:
            while not self._stopping and not program.serves():
                printed += program.lines()
                time.sleep(_POLL_S)
        except StartError:
            self._show(program, printed)
            raise
        printed += program.lines()
        self._show(program, printed if self._verbose else filter(is_warning, printed))

    def _show(self, program: Program, lines: Iterable[str]) -> None:
        at = datetime.now()
        for line in lines:
            click.echo(line if self._verbose else terminal_line(program.name, line, at))
