"""The function and what it is measured against, each in a process of its own, and its senders."""

import contextlib
import http.client
import itertools
import time
from pathlib import Path

from tests.support.processes import Program, free_port, until
from tests.support.server import FunctionServer

OURS = "ours"
VARIANTS = ("floor", "per_record_set", "unsafe_batch", "transaction")
NAMES = (OURS, *VARIANTS)

# gunicorn closes a connection that has been idle for two seconds.
_IDLE_S = 1.0
_projects = itertools.count(1)


class Contender(FunctionServer):
    """
    One instance under functions-framework and gunicorn; every project is another database.

    *name* is ours or that of a module in ``variants/``; *environ* is added to its environment.
    """

    def __init__(self, name, recorder, project=None, wait=True, **environ):
        self.name = name
        self.project = project or f"{name.replace('_', '-')}-{next(_projects)}"
        self.port = free_port()
        self._recorder = recorder
        source = ("--source", f"tests/by_hand/benchmarks/variants/{name}.py")
        if name == OURS:
            source = ()
            environ = {"FUNCTION_TARGET": "cmc_webhook", **environ}
        target = environ.pop("FUNCTION_TARGET", "receive")
        Program.__init__(
            self,
            *("functions_framework", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--target", target, *source),
            CMC_ALLOW_UNAUTHENTICATED="true",
            FIRESTORE_EMULATOR_HOST=recorder.address,
            GOOGLE_CLOUD_PROJECT=self.project,
            **environ,
        )
        if wait:
            self.wait_for(self.port)

    def spent(self):
        """Return what the project has cost since this was last asked."""
        return self._recorder.take(self.project)

    def documents(self):
        return self._recorder.documents(self.project)

    def cpu_s(self):
        """Return the processor time of the worker, all its threads and to the nanosecond."""
        # Linux makes the id of a process's clock from its pid: clock_getcpuclockid(3).
        return time.clock_gettime((~self.worker() << 3) | 2)

    def resident_bytes(self):
        status = Path(f"/proc/{self.worker()}/status").read_text().splitlines()
        line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def worker(self):
        """Return the process id of gunicorn's one worker, which starts after its port listens."""
        return until(lambda: self.pids()[1:])[0]


class Sender:
    """Posts over one connection that is kept open, as Google's front end does."""

    def __init__(self, contender):
        self._contender = contender
        self._connection = None
        self._used = 0.0

    def post(self, body, content_type="application/json"):
        """Return the seconds that the answer took; raise if it is not 200."""
        accepted, took = self.attempt(body, content_type)
        if not accepted:
            raise RuntimeError(f"{self._contender.name} refused:\n{self._contender.output()}")
        return took

    def attempt(self, body, content_type="application/json"):
        """Return whether the answer was 200, and the seconds that it took."""
        if time.monotonic() - self._used > _IDLE_S:
            self._connect()
        started = time.perf_counter()
        self._connection.request("POST", "/", body, {"Content-Type": content_type})
        response = self._connection.getresponse()
        response.read()
        took = time.perf_counter() - started
        self._used = time.monotonic()
        return response.status == 200, took

    def _connect(self):
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", self._contender.port, timeout=120
        )
        self._connection.connect()


@contextlib.contextmanager
def running(names, recorder):
    """Start a contender of each name, one database each, and stop them at the end."""
    with contextlib.ExitStack() as stack:
        contenders = []
        for name in names:
            contenders.append(Contender(name, recorder))
            stack.callback(contenders[-1].stop)
        yield contenders
