"""
Random writes and queries on the local Firestore and on Google's emulator, compared.

Run as `python -m tests.by_hand.firestore_fuzz --rounds 20`. Says how many answers were equal, how
many differed for a reason that is known, and shows each other difference. Exit status 1 if there
is one.
"""

import argparse
import collections
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.protobuf.json_format import MessageToJson

from tests.support.firestores import googles_is_installed, start_googles, start_ours
from tests.support.random_queries import PATHS, document, scalar, structured, value

# Why the emulator refuses what the local Firestore does not, or refuses with another code.
KNOWN = {
    "does not support descending key scans": "the real Firestore can have an index of __name__,"
    " descending; the emulator cannot",
    "in the same request": "two writes of one commit contradict each other: INVALID_ARGUMENT there,"
    " here the code of the precondition that fails",
}

Answer = Any


@dataclass(frozen=True)
class _Refusal:
    code: object
    message: str = field(compare=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--documents", type=int, default=40, help="in each round")
    parser.add_argument("--writes", type=int, default=100, help="commits in each round")
    parser.add_argument("--queries", type=int, default=200, help="in each round")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not googles_is_installed():
        sys.exit("Google's emulator is not installed: gcloud components install"
                 " cloud-firestore-emulator")  # fmt: skip
    counts: collections.Counter[str] = collections.Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_ours(f"{folder}/data") as ours,
        start_googles() as googles,
        ours.api() as our_api,
        googles.api() as their_api,
    ):
        for seed in range(options.seed, options.seed + options.rounds):
            for what, request, ask in _requests(options, seed):
                counts[_compare(what, request, ask(our_api), ask(their_api), seed)] += 1
    for kind, count in sorted(counts.items()):
        print(f"{count:8,} {kind}")
    if any(kind.startswith("DIFFERENT") for kind in counts):
        sys.exit(1)


def _requests(
    options: argparse.Namespace, seed: int
) -> Iterator[tuple[str, Any, Callable[[FirestoreClient], Answer]]]:
    """Yield what to ask both: its kind, the request, and a function that asks it."""
    rng = random.Random(seed)
    database = f"projects/fuzz-{seed}/databases/(default)"
    root = f"{database}/documents"
    names = [f"{root}/c/{number}" for number in range(options.documents)]
    for name in names[::2]:
        write = types.Write(update=types.Document.wrap(document(rng, name)))
        yield "commit", write, lambda api, w=write: _commit(api, database, [w])
    for _ in range(options.writes):
        writes = [_write(rng, rng.choice(names)) for _ in range(rng.randrange(1, 4))]
        yield "commit", writes, lambda api, w=writes: _commit(api, database, w)
    yield "all documents", "", lambda api: _all(api, database, names)
    for _ in range(options.queries):
        query = types.StructuredQuery.wrap(structured(rng, root))
        yield "query", query, lambda api, q=query: _query(api, root, q)
        yield "count", query, lambda api, q=query: _count(api, root, q)


def _write(rng: random.Random, name: str) -> types.Write:
    write = types.Write()
    if rng.random() < 0.1:
        write.delete = name
    else:
        write.update = types.Document.wrap(document(rng, name))
        if rng.random() < 0.5:
            paths = rng.sample([path for path in PATHS if path != "__name__"], 2)
            write.update_mask = types.DocumentMask(field_paths=paths)
        if rng.random() < 0.4:
            write.update_transforms = [_transform(rng) for _ in range(rng.randrange(1, 3))]
    if rng.random() < 0.2:
        write.current_document = types.Precondition(exists=rng.random() < 0.5)
    return write


def _transform(rng: random.Random) -> dict[str, Any]:
    path = rng.choice(["p", "q", "r", "m.x", "m.`y.z`", "new"])
    kind = rng.choice(["increment", "maximum", "minimum", "append_missing_elements",
                       "remove_all_from_array"])  # fmt: skip
    operand: Any = {"values": [scalar(rng) for _ in range(rng.randrange(1, 3))]}
    if kind in ("increment", "maximum", "minimum"):
        operand = value(rng) if rng.random() < 0.1 else scalar(rng)
        if rng.random() < 0.8:
            operand = rng.choice([{"integer_value": 2}, {"double_value": 0.5}])
    return {"field_path": path, kind: operand}


def _answered(ask: Callable[[], Answer]) -> Answer:
    """Return the answer, or how it was refused."""
    try:
        return ask()
    except GoogleAPICallError as error:
        return _Refusal(error.grpc_status_code, error.message)


def _commit(api: FirestoreClient, database: str, writes: list[types.Write]) -> Answer:
    def ask() -> Answer:
        response = api.commit(database=database, writes=writes, retry=None)
        return [_json(result.transform_results) for result in response.write_results]

    return _answered(ask)


def _all(api: FirestoreClient, database: str, names: list[str]) -> Answer:
    responses = api.batch_get_documents(request={"database": database, "documents": names})
    return {r.found.name: _fields(r.found) for r in responses if r.found.name}


def _query(api: FirestoreClient, root: str, query: types.StructuredQuery) -> Answer:
    def ask() -> Answer:
        request = {"parent": root, "structured_query": query}
        responses = api.run_query(request=request, retry=None)
        return [r.document.name.rpartition("/documents/")[2] for r in responses if r.document.name]

    return _answered(ask)


def _count(api: FirestoreClient, root: str, query: types.StructuredQuery) -> Answer:
    def ask() -> Answer:
        counting = {"structured_query": query, "aggregations": [{"alias": "n", "count": {}}]}
        request = {"parent": root, "structured_aggregation_query": counting}
        [response] = api.run_aggregation_query(request=request, retry=None)
        return response.result.aggregate_fields["n"].integer_value

    return _answered(ask)


def _fields(found: types.Document) -> Answer:
    return {name: _json([content]) for name, content in sorted(found.fields.items())}


def _json(values: Any) -> list[str]:
    return [MessageToJson(types.Value.pb(each), sort_keys=True, indent=None) for each in values]


def _compare(what: str, request: Any, ours: Answer, theirs: Answer, seed: int) -> str:
    """Return the kind of comparison; print a difference without a known reason."""
    if ours == theirs:
        return f"equal:  {what}"
    for message, reason in KNOWN.items():
        if isinstance(theirs, _Refusal) and message in theirs.message:
            return f"known:  {reason}"
    print(f"\nseed {seed}, {what}\n{request}\nours   {ours}\ntheirs {theirs}")
    return f"DIFFERENT: {what}"


if __name__ == "__main__":
    main()
