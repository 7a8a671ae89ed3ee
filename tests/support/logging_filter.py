"""
The part of the Logging query language that our alerts use, evaluated on log entries.

No library for Python evaluates it. The rules are those of
https://cloud.google.com/logging/docs/view/logging-query-language: strings are equal in any case of
letters, OR binds closer than AND, a comparison with a field that is not there is false, `:*` asks
whether it is there.
"""

import re

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(>=|<=|[()=<>:])|([\w.+*-]+))')
_OPERATORS = {
    "=": lambda one, other: one == other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}


def entry_of(line, service):
    """
    Return the LogEntry that Cloud Run makes of a *line* of JSON on standard output.

    `severity` becomes a field of the entry, the trace too; the rest is its jsonPayload
    (https://cloud.google.com/logging/docs/structured-logging).
    """
    payload = dict(line)
    severity = payload.pop("severity", "DEFAULT")
    payload.pop("logging.googleapis.com/trace", None)
    return {"severity": severity, "resource": _resource(service), "jsonPayload": payload}


def request_entry(status, service):
    """Return the LogEntry that Cloud Run writes for a request, as its documentation shows it."""
    severity = "ERROR" if status >= 500 else "WARNING" if status >= 400 else "INFO"
    request = {"requestMethod": "POST", "status": status, "requestUrl": "https://f.example/"}
    return {"severity": severity, "resource": _resource(service), "httpRequest": request}


def _resource(service):
    return {"type": "cloud_run_revision", "labels": {"service_name": service}}


def matches(text, entry):
    """Whether the filter *text* matches *entry*. Raises ValueError for what is not known here."""
    tokens = _tokens(text)
    found = _and(tokens, entry)
    if tokens:
        raise ValueError(f"not understood: {tokens}")
    return found


def _tokens(text):
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if not found:
            raise ValueError(f"not understood: {text[position:]}")
        tokens.append(found[0].strip())
        position = found.end()
    return tokens


def _and(tokens, entry):
    found = _or(tokens, entry)
    while tokens[:1] == ["AND"]:
        tokens.pop(0)
        found = _or(tokens, entry) and found
    return found


def _or(tokens, entry):
    found = _comparison(tokens, entry)
    while tokens[:1] == ["OR"]:
        tokens.pop(0)
        found = _comparison(tokens, entry) or found
    return found


def _comparison(tokens, entry):
    if tokens[0] == "(":
        tokens.pop(0)
        found = _and(tokens, entry)
        _close(tokens)
        return found
    path, operator = tokens.pop(0), tokens.pop(0)
    if [operator, *tokens[:1]] == [":", "*"]:
        tokens.pop(0)
        return _field(entry, path) is not None
    if operator not in _OPERATORS:
        raise ValueError(f"not understood: {path} {operator}")
    values = [tokens.pop(0)]
    if values == ["("]:
        values = [tokens.pop(0)]
        while tokens[:1] == ["OR"]:
            values.append(tokens[1])
            del tokens[:2]
        _close(tokens)
    return any(_compare(_field(entry, path), operator, value) for value in values)


def _close(tokens):
    if tokens.pop(0) != ")":
        raise ValueError("a bracket is not closed")


def _field(entry, path):
    for name in path.split("."):
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry


def _compare(held, operator, value):
    if held is None:
        return False
    if held in SEVERITIES:
        return _OPERATORS[operator](SEVERITIES.index(held), SEVERITIES.index(value))
    if value.startswith('"'):
        held, value = str(held).lower(), value[1:-1].lower()
    else:
        value = float(value)  # a number
        if not isinstance(held, (int, float)):
            return False
    return _OPERATORS[operator](held, value)
