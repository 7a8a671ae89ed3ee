"""Writes: parse them, and apply one to its document. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

from cmc_webhook.local_firestore import field_paths, limits
from cmc_webhook.local_firestore.field_paths import FieldPath
from cmc_webhook.local_firestore.messages import Document, Message, WriteResult
from cmc_webhook.local_firestore.resource_names import DocumentName, parse_document_of
from cmc_webhook.local_firestore.transforms import apply_transform, parse_transform
from cmc_webhook.local_firestore.values import check_fields, fields_size, name_size


@dataclass(frozen=True, slots=True)
class Change:
    """A parsed write; *fields* is None for a delete, *mask* where all of a document is replaced."""

    name: DocumentName
    fields: Message | None
    mask: Sequence[FieldPath] | None
    transforms: Sequence[tuple[FieldPath, Message]]
    precondition: Message


def parse_writes(writes: Iterable[Message], database: str) -> list[Change]:
    """Parse *writes*, or raise a Refusal for errors that do not depend on the stored documents."""
    changes = [_parse_write(write, database) for write in writes]
    transforms: Counter[DocumentName] = Counter()
    for change in changes:
        transforms[change.name] += len(change.transforms)
        if transforms[change.name] > limits.TRANSFORMS_PER_DOCUMENT:
            most = f"cannot have more than {limits.TRANSFORMS_PER_DOCUMENT} field transforms"
            raise InvalidArgument(f"{most} on a single document: {change.name}")
    return changes


def apply(change: Change, stored: Message | None, time_us: int) -> tuple[Message | None, Message]:
    """
    Apply *change* to *stored*, None if there is no document; return document and write result.

    The document is *stored* itself if nothing changed. Raise a Refusal if the precondition
    fails or the document becomes too large.
    """
    _check_precondition(change, stored, time_us)
    result = WriteResult()
    if change.fields is None:
        return None, result
    document = _merge(change, stored)
    for path, transform in change.transforms:
        value = apply_transform(document.fields, path, transform, time_us)
        result.transform_results.append(value)
    # Not ==: NaN differs from itself.
    if stored is not None and _bytes(document) == _bytes(stored):
        result.update_time.CopyFrom(stored.update_time)
        return stored, result
    size = name_size(document.name) + fields_size(document.fields) + 32
    if size > limits.DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes)"
            f" exceeds the maximum allowed size of {limits.DOCUMENT_BYTES:,} bytes."
        )
    document.update_time.FromMicroseconds(time_us)
    if stored is None:
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
    check_fields(write.update.fields)
    mask = None
    if write.HasField("update_mask"):
        mask = [field_paths.parse_stored(text) for text in write.update_mask.field_paths]
    transforms = [(parse_transform(transform), transform) for transform in write.update_transforms]
    return Change(name, write.update.fields, mask, transforms, precondition)


def _check_precondition(change: Change, stored: Message | None, time_us: int) -> None:
    condition = change.precondition.WhichOneof("condition_type")
    if condition is None:
        return
    if condition == "exists":
        if change.precondition.exists and stored is None:
            raise NotFound(f"No document to update: {change.name}")
        if not change.precondition.exists and stored is not None:
            raise AlreadyExists(f"Document already exists: {change.name}")
        return
    required = _microseconds(change.precondition.update_time)
    if stored is not None and required > time_us:
        raise InvalidArgument(f"The required update time is in the future: {change.name}")
    actual = 0 if stored is None else _microseconds(stored.update_time)
    if required != actual:
        raise FailedPrecondition(
            f"the stored version ({actual}) does not match the required base version"
            f" ({required}): {change.name}"
        )


def _microseconds(timestamp: Message) -> int:
    # ToMicroseconds() raises for times outside the years 1 to 9999.
    return int(timestamp.seconds * 1_000_000 + timestamp.nanos // 1000)


def _merge(change: Change, stored: Message | None) -> Message:
    """Return a copy of *stored* with the fields of *change*, without its transforms."""
    document = Document(name=str(change.name))
    if stored is not None:
        document.CopyFrom(stored)
    assert change.fields is not None
    if change.mask is None:
        document.ClearField("fields")
        document.fields.MergeFrom(change.fields)
    else:
        for path in change.mask:
            field_paths.remove(document.fields, path)
        field_paths.copy(change.fields, document.fields, change.mask)
    return document


def _bytes(document: Message) -> bytes:
    return bytes(document.SerializeToString(deterministic=True))
