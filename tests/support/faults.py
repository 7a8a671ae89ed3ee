"""A proxy before the real Firestore that makes calls fail by a plan, and counts the faults."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.firestore_v1.types import BatchWriteRequest, BatchWriteResponse

from tests.support.line import Line

SERVICE = "/google.firestore.v1.Firestore/"
READ, WRITE = "BatchGetDocuments", "BatchWrite"
TRANSIENT = ("UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED")
RESET = "connection reset"  # no code: instead of an answer the connection breaks
SINGLE = ("ABORTED", "UNAVAILABLE", "FAILED_PRECONDITION", "NOT_FOUND", "ALREADY_EXISTS")
HANGING_S = 20.0


@dataclass(frozen=True)
class Fault:
    """
    What goes wrong with one call.

    *before*: a code, or RESET, that is answered without the call taking effect;
    *after*: one that is answered although it did. *delay* in seconds comes first.
    *writes* gives single writes of a batch a code; those in *applied* took effect
    all the same.
    """

    before: str = ""
    after: str = ""
    delay: float = 0.0
    writes: dict[int, str] = field(default_factory=dict)
    applied: frozenset[int] = frozenset()


Plan = Callable[[str], Fault | None]


class FaultyFirestore:
    """
    *plan* is asked for each call by its name; None lets it pass.

    *headers* are those of the last call of each name.
    """

    def __init__(self, address: str) -> None:
        self.plan: Plan = lambda rpc: None
        self.planned = 0
        self.fired: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._channel = grpc.insecure_channel(address)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)]
        )
        self._server.add_generic_rpc_handlers((self,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._line = Line(f"127.0.0.1:{port}")
        self.address = self._line.address

    def service(self, details: Any) -> Any:
        """Be a grpc.GenericRpcHandler."""
        rpc = details.method.removeprefix(SERVICE)
        self.headers[rpc] = dict(details.invocation_metadata)
        return grpc.unary_stream_rpc_method_handler(
            lambda request, context: self._answer(rpc, request, context)
        )

    def stop(self) -> None:
        self._line.stop()
        self._server.stop(None).wait()
        self._channel.close()

    def _answer(self, rpc: str, request: bytes, context: Any) -> Iterator[bytes]:
        with self._lock:
            fault = self.plan(rpc) or Fault()
            self.planned += fault != Fault()
        if fault.delay:
            self._fire(f"{rpc} late")
            # A caller who gives up earlier ends the delay: the call takes effect behind its back.
            given_up = threading.Event()
            context.add_callback(given_up.set)
            given_up.wait(fault.delay)
        if fault.before:
            self._fire(f"{rpc} {fault.before}")
            self._fail(context, fault.before, "before it took effect")
        try:
            answers = self._forward(rpc, request, context, fault)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        if fault.after:
            self._fire(f"{rpc} {fault.after}, applied")
            self._fail(context, fault.after, "after it took effect")
        yield from answers

    def _fail(self, context: Any, code: str, details: str) -> None:
        if code == RESET:
            self._line.reset()
            code = "UNAVAILABLE"  # nobody hears it
        context.abort(grpc.StatusCode[code], details)

    def _forward(self, rpc: str, request: bytes, context: Any, fault: Fault) -> list[bytes]:
        if fault.writes:
            return [self._forward_some(request, context, fault)]
        passed = [
            m for m in context.invocation_metadata() if not m.key.startswith(("user-", "grpc"))
        ]
        call = self._channel.unary_stream(SERVICE + rpc)
        return list(call(request, metadata=passed, timeout=30))

    def _forward_some(self, data: bytes, context: Any, fault: Fault) -> bytes:
        """Let some writes of a batch through and answer as if others had failed."""
        request = BatchWriteRequest.pb().FromString(data)
        held_back = fault.writes.keys() - fault.applied
        passed = [write for i, write in enumerate(request.writes) if i not in held_back]
        answer = BatchWriteResponse.pb()()
        if passed:
            part = type(request)(database=request.database, writes=passed).SerializeToString()
            [answered] = self._forward(WRITE, part, context, Fault())
            answer.MergeFromString(answered)
        statuses, results = iter(answer.status), iter(answer.write_results)
        whole = BatchWriteResponse.pb()()
        for index in range(len(request.writes)):
            status, result = whole.status.add(), whole.write_results.add()
            if index not in held_back:
                status.CopyFrom(next(statuses))
                result.CopyFrom(next(results))
            if index in fault.writes:
                applied = "" if index in held_back else ", applied"
                self._fire(f"write {fault.writes[index]}{applied}")
                status.code = grpc.StatusCode[fault.writes[index]].value[0]
        return bytes(whole.SerializeToString())

    def _fire(self, name: str) -> None:
        with self._lock:
            self.fired[name] += 1


def once(rpc: str, fault: Fault) -> Plan:
    """Return a plan that makes the first call of *rpc* fail."""
    done: list[bool] = []

    def plan(called: str) -> Fault | None:
        if called != rpc or done:
            return None
        done.append(True)
        return fault

    return plan


Chance = Callable[[random.Random, str], Fault | None]


def _code(name: str, when: str) -> Chance:
    # Whether a call took effect before it failed makes a difference for writes only.
    return lambda rng, rpc: Fault(**{when if rpc == WRITE else "before": name})


def _single_writes(rng: random.Random, rpc: str) -> Fault | None:
    if rpc != WRITE:
        return None
    # The first in any case: every batch has one.
    chosen = {i: rng.choice(SINGLE) for i in range(20) if i == 0 or rng.random() < 0.3}
    return Fault(writes=chosen, applied=frozenset(i for i in chosen if rng.random() < 0.5))


# Every class of fault.
CHANCES: dict[str, Chance] = {
    **{
        f"{code}, {effect}": _code(code, when)
        for code in (*TRANSIENT, "PERMISSION_DENIED", RESET)
        for when, effect in (("before", "no effect"), ("after", "applied"))
    },
    "single writes": _single_writes,
    "slow": lambda rng, rpc: Fault(delay=rng.uniform(0, 0.05)),
    "hanging": lambda rng, rpc: Fault(delay=HANGING_S),
}
EVERYTHING = "all of them mixed"


def at_random(rng: random.Random, share: float, name: str = EVERYTHING) -> Plan:
    """Return a plan with the fault *name* for the first call and for that *share* of the others."""
    first = True
    mixed = [chance for key, chance in CHANCES.items() if key != "hanging"]

    def plan(rpc: str) -> Fault | None:
        nonlocal first
        if not first and rng.random() > share:
            return None
        first = False
        chance = rng.choice(mixed) if name == EVERYTHING else CHANCES[name]
        return chance(rng, rpc)

    return plan
