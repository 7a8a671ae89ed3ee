"""Field transforms: server time, increment, maximum, minimum, array union and removal. Pure."""

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import limits
from cmc_webhook.local_firestore.field_paths import FieldPath, get, parse_stored, put
from cmc_webhook.local_firestore.messages import Message, Value
from cmc_webhook.local_firestore.sort_keys import sort_key
from cmc_webhook.local_firestore.values import check_elements, is_nan, is_number, number

_LEAST, _MOST = -(2**63), 2**63 - 1
_OF_ARRAYS = ("append_missing_elements", "remove_all_from_array")


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
        check_elements(getattr(transform, kind), len(path))
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
        compute = _append_missing if kind == "append_missing_elements" else _remove_all
        put(fields, path, compute(stored, getattr(transform, kind)))
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


_NUMERIC = {"increment": _increment, "maximum": _maximum, "minimum": _minimum}


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
