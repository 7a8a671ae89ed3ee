"""Writes with their field transforms: parse them, and apply one to its document. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

from cmc_webhook.local_firestore import field_paths, limits, values
from cmc_webhook.local_firestore.field_paths import FieldPath, get, parse_stored, put
from cmc_webhook.local_firestore.messages import Document, Message, Value, WriteResult
from cmc_webhook.local_firestore.resource_names import DocumentName, parse_document_of
from cmc_webhook.local_firestore.values import is_nan, is_number, number, sort_key

_LEAST, _MOST = -(2**63), 2**63 - 1


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
    """Return document, *stored* itself if unchanged, and write result; may raise a Refusal."""
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
    size = values.name_size(document.name) + values.fields_size(document.fields) + 32
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
    values.check_fields(write.update.fields)
    mask = None
    if write.HasField("update_mask"):
        mask = [parse_stored(text) for text in write.update_mask.field_paths]
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


def parse_transform(transform: Message) -> FieldPath:
    """Return the path of *transform*, or raise a Refusal unless Firestore accepts it."""
    path = parse_stored(transform.field_path)
    if len(path) > limits.TRANSFORM_PATH_SEGMENTS:
        raise InvalidArgument(
            f'"{transform.field_path}" has over {limits.TRANSFORM_PATH_SEGMENTS} segments.'
        )
    kind = transform.WhichOneof("transform_type")
    if kind is None:
        raise InvalidArgument(f'The transform of "{transform.field_path}" has no type.')
    if kind == "set_to_server_value":
        if transform.set_to_server_value != transform.REQUEST_TIME:
            raise InvalidArgument(f'The server value of "{transform.field_path}" is unknown.')
    elif kind in _OF_ARRAYS:
        values.check_elements(getattr(transform, kind), len(path))
    elif not is_number(getattr(transform, kind)):
        raise InvalidArgument(f'{kind} of "{transform.field_path}" needs a number.')
    return path


def apply_transform(fields: Message, path: FieldPath, transform: Message, time_us: int) -> Message:
    """Change *fields* at *path*; return the transform result for the client."""
    kind = transform.WhichOneof("transform_type")
    stored = get(fields, path) or Value()
    if kind == "set_to_server_value":
        value = Value()
        # The server timestamp has millisecond precision.
        value.timestamp_value.FromMicroseconds(time_us - time_us % 1000)
    elif kind in _OF_ARRAYS:
        put(fields, path, _OF_ARRAYS[kind](stored, getattr(transform, kind)))
        return Value(null_value=0)
    else:
        operand = getattr(transform, kind)
        value = _NUMERIC[kind](stored, operand) if is_number(stored) else operand
    put(fields, path, value)
    return value


def _increment(stored: Message, operand: Message) -> Message:
    if stored.HasField("integer_value") and operand.HasField("integer_value"):
        total = stored.integer_value + operand.integer_value
        return Value(integer_value=min(max(total, _LEAST), _MOST))
    return Value(double_value=float(number(stored)) + float(number(operand)))


def _maximum(stored: Message, operand: Message) -> Message:
    # NaN sorts first, but wins every maximum as well.
    if is_nan(operand):
        return operand
    return operand if not is_nan(stored) and sort_key(operand) > sort_key(stored) else stored


def _minimum(stored: Message, operand: Message) -> Message:
    return operand if sort_key(operand) < sort_key(stored) else stored


def _append_missing(stored: Message, operand: Message) -> Message:
    elements = list(stored.array_value.values)
    present = [sort_key(element) for element in elements]
    for element in operand.values:
        if sort_key(element) not in present:
            elements.append(element)
            present.append(sort_key(element))
    return Value(array_value={"values": elements})


def _remove_all(stored: Message, operand: Message) -> Message:
    unwanted = [sort_key(element) for element in operand.values]
    kept = [e for e in stored.array_value.values if sort_key(e) not in unwanted]
    return Value(array_value={"values": kept})


_NUMERIC = {"increment": _increment, "maximum": _maximum, "minimum": _minimum}
_OF_ARRAYS = {"append_missing_elements": _append_missing, "remove_all_from_array": _remove_all}
