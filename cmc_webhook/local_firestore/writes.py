"""One write: read from a request, then applied to the document that it is about. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cmc_webhook.local_firestore import field_paths
from cmc_webhook.local_firestore.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from cmc_webhook.local_firestore.field_paths import FieldPath
from cmc_webhook.local_firestore.messages import Document, Message, WriteResult
from cmc_webhook.local_firestore.resource_names import DocumentName, parse_document_of
from cmc_webhook.local_firestore.transforms import apply_transform, check_transform
from cmc_webhook.local_firestore.values import admit_fields, fields_size, name_size

_MOST_TRANSFORMS = 500
_MOST_DOCUMENT_BYTES = 1024 * 1024
_MOST_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Change:
    """
    A write that Firestore would accept, whatever is stored.

    *fields* None deletes the document; *mask* None replaces it.
    """

    name: DocumentName
    fields: Message | None
    mask: Sequence[FieldPath] | None
    transforms: Sequence[tuple[FieldPath, Message]]
    precondition: Message


def parse_writes(writes: Iterable[Message], database: str) -> list[Change]:
    """Read *writes*, or raise a Refusal for what is wrong whatever is stored."""
    changes = [_parse_write(write, database) for write in writes]
    transforms: Counter[DocumentName] = Counter()
    for change in changes:
        transforms[change.name] += len(change.transforms)
        if transforms[change.name] > _MOST_TRANSFORMS:
            most = f"cannot have more than {_MOST_TRANSFORMS} field transforms"
            raise InvalidArgument(f"{most} on a single document: {change.name}")
    return changes


def apply(change: Change, held: Message | None, time_us: int) -> tuple[Message | None, Message]:
    """
    Return the document after *change*, which was *held* before, and the result to answer.

    The same *held* comes back if nothing changed. Raise a Refusal if its precondition
    does not hold or the document grows too large.
    """
    _check_precondition(change, held, time_us)
    result = WriteResult()
    if change.fields is None:
        return None, result
    document = _merge(change, held)
    for path, transform in change.transforms:
        value = apply_transform(document.fields, path, transform, time_us)
        result.transform_results.append(value)
    if held is not None and _same(document, held):
        result.update_time.CopyFrom(held.update_time)
        return held, result
    _check_size(document)
    document.update_time.FromMicroseconds(time_us)
    if held is None:
        document.create_time.FromMicroseconds(time_us)
    result.update_time.CopyFrom(document.update_time)
    return document, result


def _parse_write(write: Message, database: str) -> Change:
    precondition = write.current_document
    if precondition.update_time.nanos % 1000:
        raise InvalidArgument("The update time of a precondition has more than microseconds.")
    if write.WhichOneof("operation") == "delete":
        if write.HasField("update_mask") or write.update_transforms:
            raise InvalidArgument(f"A delete has neither mask nor transforms: {write.delete}")
        name = parse_document_of(database, write.delete)
        return Change(name, None, None, (), precondition)
    if not write.HasField("update"):
        raise InvalidArgument("A write has no operation.")
    name = parse_document_of(database, write.update.name)
    admit_fields(write.update.fields)
    mask = None
    if write.HasField("update_mask"):
        mask = [field_paths.parse_stored(text) for text in write.update_mask.field_paths]
    transforms = [_parse_transform(transform) for transform in write.update_transforms]
    return Change(name, write.update.fields, mask, transforms, precondition)


def _parse_transform(transform: Message) -> tuple[FieldPath, Message]:
    path = field_paths.parse_stored(transform.field_path)
    if len(path) > _MOST_SEGMENTS:
        raise InvalidArgument(f'"{transform.field_path}" has over {_MOST_SEGMENTS} segments.')
    check_transform(transform, path)
    return path, transform


def _check_precondition(change: Change, held: Message | None, time_us: int) -> None:
    condition = change.precondition.WhichOneof("condition_type")
    if condition is None:
        return
    if condition == "exists":
        if change.precondition.exists and held is None:
            raise NotFound(f"No document to update: {change.name}")
        if not change.precondition.exists and held is not None:
            raise AlreadyExists(f"Document already exists: {change.name}")
        return
    required = _microseconds(change.precondition.update_time)
    if held is not None and required > time_us:
        raise InvalidArgument(f"The required update time is in the future: {change.name}")
    stored = 0 if held is None else _microseconds(held.update_time)
    if required != stored:
        raise FailedPrecondition(
            f"the stored version ({stored}) does not match the required base version"
            f" ({required}): {change.name}"
        )


def _microseconds(timestamp: Message) -> int:
    # Its own method would raise for a time that no document can have.
    return int(timestamp.seconds * 1_000_000 + timestamp.nanos // 1000)


def _merge(change: Change, held: Message | None) -> Message:
    """Return *held* with the fields of *change*, transforms not yet applied."""
    document = Document(name=str(change.name))
    if held is not None:
        document.CopyFrom(held)
    assert change.fields is not None
    if change.mask is None:
        document.ClearField("fields")
        document.fields.MergeFrom(change.fields)
    else:
        for path in change.mask:
            field_paths.remove(document.fields, path)
        field_paths.copy(change.fields, document.fields, change.mask)
    return document


def _same(document: Message, held: Message) -> bool:
    # Not by ==, for which a NaN differs from itself.
    return bool(
        document.SerializeToString(deterministic=True) == held.SerializeToString(deterministic=True)
    )


def _check_size(document: Message) -> None:
    size = name_size(document.name) + fields_size(document.fields) + 32
    if size > _MOST_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes)"
            f" exceeds the maximum allowed size of {_MOST_DOCUMENT_BYTES:,} bytes."
        )
