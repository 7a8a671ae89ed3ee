"""Faults that somebody could make in the functions, for mutations.py: what each breaks, and how."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """*old*, which *file* has exactly once, becomes *new*; *likely* are the tests to try first."""

    effect: str
    file: str
    old: str
    new: str
    likely: list[str]


def _mutations(file, likely, *changes):
    """Return the mutations of *file*; *likely* names modules ``test_*.py``, or tests/inbound."""
    names = ["tests/inbound" if n == "inbound" else f"tests/test_{n}.py" for n in likely.split()]
    return [Mutation(e, f"cmc_webhook/{file}", old, new, names) for e, old, new in changes]


MUTATIONS = [
    *_mutations(
        "answers.py",
        "posts auth server dead_letters faults",
        ("every method is answered", 'if request.method != "POST":', "if False:"),
        ("405 names no method", 'response.headers["Allow"] = "POST"', "pass"),
        ("503 has no Retry-After", 'response.headers["Retry-After"] = str(_RETRY_AFTER_S)', "pass"),
        (
            "WWW-Authenticate also without BASIC",
            "if kind is errors.NotAuthenticated and self._credentials.basic:",
            "if kind is NotAuthenticated:",
        ),
        (
            "WWW-Authenticate never",
            "if kind is errors.NotAuthenticated and self._credentials.basic:",
            "if False:",
        ),
        ("compressed bodies are parsed", 'if encoding not in ("", "identity"):', "if False:"),
        (
            "an unknown sender may send as much as a known one",
            "limit = webhook.largest_body if known else webhook.largest_unknown_body",
            "limit = webhook.largest_body",
        ),
        (
            "anybody is known who sends a header",
            "known = head or not credentials.required",
            "known = bool(request.headers.get('Authorization')) or not credentials.required",
        ),
        (
            "the framework drains the rest of the body",
            "            request.stream = io.BytesIO()\n",
            "            pass\n",
        ),
        (
            "Google's text goes to the sender",
            'entry.detail, message = message, "Not everything was stored; post the same again."',
            "entry.detail = message",
        ),
        (
            "a post that could not be stored is a warning, once a minute",
            "_ALARMING = (errors.MalformedEnvelope, errors.StoreUnavailable)",
            "_ALARMING = (errors.MalformedEnvelope,)",
        ),
        ("blocks are alarming", "_EXPECTED = {Reason.NOT_SUPPORTED_YET}", "_EXPECTED = set()"),
        (
            "quarantined records are not counted as received",
            '"received": self.stored + self.unchanged + self.quarantined,',
            '"received": self.stored + self.unchanged,',
        ),
    ),
    *_mutations(
        "body.py",
        "server bounds",
        ("the largest body is not the limit", "if length > largest:", "if False:"),
        ("a large body of an unknown sender is kept", "if length > most_kept:", "if False:"),
        (
            "a body shorter than its Content-Length is whole",
            "if declared is not None and length < declared:",
            "if False:",
        ),
        (
            "a broken connection is the end of the body",
            "        raise BodyIncomplete(_TRUNCATED) from error",
            '        return b""',
        ),
    ),
    *_mutations(
        "auth.py",
        "auth settings",
        (
            "the body needs no key",
            "        if self.required and not accepted:\n",
            "        if False:\n",
        ),
        (
            "the beginning of a secret is enough",
            "hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())",
            "bool(one) and other.startswith(one)",
        ),
        (
            "a user and a password are compared with the API keys",
            "return self._find(pair, BASIC_CREDENTIALS)",
            "return self._find(pair, API_KEYS)",
        ),
        (
            "only the first of several keys is accepted",
            "for n, secret in enumerate(secrets, 1)",
            "for n, secret in enumerate(secrets[:1], 1)",
        ),
        (
            "the scheme is compared as it is written",
            'if scheme.lower() == "bearer":',
            'if scheme == "Bearer":',
        ),
        (
            "a refusal before the body is read comes after it",
            "if self.required and not accepted and not self._accepted.get(API_KEYS):",
            "if False:",
        ),
    ),
    *_mutations(
        "settings.py",
        "settings",
        (
            "no credential is needed to start",
            "if not (any(found.values()) or allowed):",
            "if False:",
        ),
    ),
    *_mutations(
        "redaction.py",
        "auth settings",
        (
            "a key in JSON is stored",
            "content = IN_JSON.sub(rb'\\g<head>\"' + REDACTED + b'\"', content)",
            "pass",
        ),
        ("a key in a form is stored", "for pattern in (IN_FORM, IN_PART):", "for pattern in ():"),
        (
            "a configured secret is stored",
            "content = content.replace(trace, REDACTED)",
            "pass",
        ),
        (
            "a password is stored that stands alone",
            'secrets |= {pair.partition(":")[2] for pair in '
            "settings.credentials.get(variable, ())}",
            "pass",
        ),
    ),
    *_mutations(
        "dead_letters.py",
        "dead_letters",
        (
            "the log of unstored bodies has secrets",
            "self._redactor.redact(body)[:MOST_BYTES]",
            "body[:MOST_BYTES]",
        ),
        (
            "the log of unstored records has secrets",
            "self._redactor.redact(envelope.encode()).decode()",
            "envelope",
        ),
        (
            "unstored records are logged unasked",
            "self._enabled = enabled",
            "self._enabled = True",
        ),
    ),
    *_mutations(
        "batches.py",
        "store cache posts",
        (
            "a document is overwritten whoever wrote it since",
            "written_at.seconds, written_at.nanos = divmod(write.update_time, 1_000_000_000)",
            "pass",
        ),
        (
            "a new document overwrites one that exists",
            "message.current_document.exists = False",
            "pass",
        ),
        (
            "fields of others are deleted",
            "message.update_mask.field_paths.extend(write.fields)",
            "pass",
        ),
        (
            "a request is larger than Firestore takes",
            "if len(keys) > 1 and len(serialized) > _MOST_BYTES:",
            "if False:",
        ),
        (
            "a request has more writes than Firestore takes",
            "range(0, len(every), MOST_WRITES)",
            "range(0, len(every), len(every))",
        ),
        (
            "new elements of a history are lost",
            "codec.encode(item, transform.append_missing_elements.values.add())",
            "pass",
        ),
    ),
    *_mutations(
        "writer.py",
        "store posts faults",
        ("ABORTED is final", "    StatusCode.ABORTED,\n", ""),
        ("UNAVAILABLE is final", "    StatusCode.UNAVAILABLE,\n", ""),
        ("DEADLINE_EXCEEDED is final", "    StatusCode.DEADLINE_EXCEEDED,\n", ""),
        (
            "a rejected batch is not halved",
            "elif len(ids) > 1:",
            "elif False:",
        ),
        (
            "documents never expire",
            "written_at + self._retention if self._retention else None",
            "None",
        ),
        (
            "the deadline of a post is ignored",
            "if budget.left() <= pause:",
            "if False:",
        ),
        ("no pause between attempts", "        time.sleep(pause)\n", ""),
        (
            "a quarantine that is not written counts as kept",
            "if written.code in (StatusCode.OK, StatusCode.ALREADY_EXISTS):",
            "if written.code:",
        ),
        (
            "a quarantine entry that exists is a fault",
            "if written.code in (StatusCode.OK, StatusCode.ALREADY_EXISTS):",
            "if written.code is StatusCode.OK:",
        ),
        (
            "a missing role is not explained",
            "if code and code in _DEPLOYMENT:",
            "if False:",
        ),
    ),
    *_mutations(
        "database.py",
        "faults store",
        (
            "a call may hang longer than the post lives",
            "return max(0.0, min(self.left(), self._longest_rpc_s or _LONGEST_RPC_S))",
            "return 3600.0",
        ),
    ),
    *_mutations(
        "logs.py",
        "posts",
        (
            "every refusal is a line",
            "if kind in self._last and now - self._last[kind] < _QUIET_S:",
            "if False:",
        ),
        (
            "a line says one refusal, however many it stands for",
            "            return count\n",
            "            return 1\n",
        ),
    ),
    *_mutations(
        "text.py",
        "document posts record_fields",
        (
            "text is not cleaned",
            'text = _NUL_OR_SURROGATE.sub("\\N{REPLACEMENT CHARACTER}", text)',
            "pass",
        ),
        (
            "text is not cut",
            'return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")',
            "return text",
        ),
        (
            "a digest of joined parts",
            'sha256.update(b"%d:%b" % (len(encoded), encoded))',
            "sha256.update(encoded)",
        ),
    ),
    *_mutations(
        "fields.py",
        "posts",
        (
            "the last of two values of a name wins",
            "if len(fields) < len(pairs):",
            "if False:",
        ),
        (
            "a number of 5,000 digits sinks the post",
            "int(digits) if len(digits) <= _LONGEST_INTEGER else digits",
            "int(digits)",
        ),
        (
            "an empty value of a form is no value",
            "values.setdefault(_decoded(_unquoted(name))[0], []).append(text)",
            "values.setdefault(_decoded(_unquoted(name))[0], [])[:] = [text] if text else []",
        ),
        ("a bare percent sign is decoded", "is_right = is_as_long and ", "is_right = "),
        (
            "a line end after a percent sign is dropped",
            'is_right = is_as_long and b"\\n" not in text and b"\\r" not in text',
            "is_right = is_as_long",
        ),
    ),
    *_mutations(
        "status/webhook.py",
        "posts dead_letters faults",
        (
            "200 though not everything was stored",
            "            self._dead_letters.log_envelopes(wrap(left, envelope, MOST_BYTES))\n"
            "            raise\n",
            "            self._dead_letters.log_envelopes(wrap(left, envelope, MOST_BYTES))\n",
        ),
        (
            "200 before the write: nothing is stored",
            "            self._store.save(documents, received_at, budget, saved)\n",
            "            saved.stored |= documents.keys()\n",
        ),
        (
            "unreadable records are dropped",
            "[*beside, *unreadable, *refused]",
            "[*beside, *refused]",
        ),
        (
            "400 though the body is not in quarantine",
            "            self._dead_letters.log_body(body)\n            raise\n",
            "            self._dead_letters.log_body(body)\n",
        ),
        (
            "records that Firestore refuses are dropped",
            "[*beside, *unreadable, *refused]",
            "[*beside, *unreadable]",
        ),
        (
            "records whose address Firestore refuses are dropped",
            "[*beside, *unreadable, *refused]",
            "[*unreadable, *refused]",
        ),
        (
            "the lag is that of the oldest event",
            "lag_s=(received_at - max(",
            "lag_s=(received_at - min(",
        ),
        (
            "a wrong time zone warns nobody",
            "if lag_s is None or lag_s >= -_CLOCK_SKEW_S:",
            "if True:",
        ),
        (
            "records are counted by document",
            "stored=len(stored),",
            "stored=len(saved.stored),",
        ),
    ),
    *_mutations(
        "status/events.py",
        "document posts record_fields",
        ("bounces are ignored", '"bounces": bounce_status}', "}"),
        (
            "the zone is ignored",
            "time.replace(tzinfo=zone)",
            "time.replace(tzinfo=UTC)",
        ),
        (
            "an explicit offset is ignored",
            "(time if time.tzinfo else time.replace(tzinfo=zone))",
            "time.replace(tzinfo=zone)",
        ),
        ("any number of records", "if number == MOST_RECORDS:", "if False:"),
        (
            "capital letters make another recipient",
            'to = ascii_lower(fields["to"] or fields["envelopeTo"])',
            'to = fields["to"] or fields["envelopeTo"]',
        ),
        (
            "version 1 has no recipient",
            'to = ascii_lower(fields["to"] or fields["envelopeTo"])',
            'to = ascii_lower(fields["to"])',
        ),
        (
            "a forged date wins for ever",
            "if at - received_at > _FARTHEST_FUTURE:",
            "if False:",
        ),
        (
            "two deferrals of one reason are one",
            'content = (fields["status"], created, clean(fields["reason"], _MOST_TEXT), sender_ip)',
            'content = (fields["status"], clean(fields["reason"], _MOST_TEXT), sender_ip)',
        ),
        (
            "a delivery and a bounce are one event",
            "id=digest(kind, message_id, to, *content)[:16],",
            "id=digest(message_id, to, *content)[:16],",
        ),
        (
            "the word that is not known is lost",
            'raw_status=fields["status"] if status is Status.UNKNOWN else "",',
            'raw_status="",',
        ),
        (
            "a null list is a record",
            "(name in _LISTS and value is not None)",
            "name in _LISTS",
        ),
        (
            "code 11 is a bounce",
            '"11": ("unsubscribed_address", "suppressed"),',
            '"11": ("unsubscribed_address", "policy"),',
        ),
    ),
    *_mutations(
        "status/history.py",
        "document rest_events",
        (
            "a failure is weaker than a success",
            "    Status.SUCCEEDED: 4,\n    Status.FAILED: 5,\n",
            "    Status.SUCCEEDED: 5,\n    Status.FAILED: 4,\n",
        ),
        (
            "a forward error is a bounce",
            "    (Status.BOUNCED, FORWARD_ERROR): 3,\n",
            "",
        ),
        (
            "the latest event of a status is dropped",
            "stay = (*latest_told.values(), ",
            "stay = (",
        ),
        (
            "the event that decides the reason is dropped",
            "stay = (*latest_told.values(), deciders.explained, ",
            "stay = (*latest_told.values(), ",
        ),
        (
            "the event that decides the sender is dropped",
            "deciders.explained, deciders.with_sender)",
            "deciders.explained)",
        ),
        ("the history has no end", "if len(history) <= HISTORY:", "if True:"),
        ("the history is one shorter", "HISTORY = 64", "HISTORY = 63"),
        (
            "deciders are part of the cap",
            'History.of(event for event in history if event["id"] in ids)',
            'History.of([event for event in history if event["id"] in ids][-HISTORY:])',
        ),
        (
            "of one second the first to come wins",
            'not is_from_rest(event), event["at"], event["id"]',
            'not is_from_rest(event), event["at"], ""',
        ),
        (
            "an event of REST outranks that of a post",
            "return rank, not is_from_rest(event), ",
            "return rank, is_from_rest(event), ",
        ),
        (
            "an event of REST stays beside its twin",
            "if what not in told_by_posts}",
            "}",
        ),
        (
            "an event of REST hides the same one of a post",
            " or (is_from_rest(known) and not event.source)",
            "",
        ),
        (
            "events of REST displace those of posts",
            "    posted, _ = by_origin(history)\n    #",
            "    posted = history\n    #",
        ),
        (
            "a stored event gets the time of its repetition",
            "for event in reversed(events) if event.id not in held.ids]",
            "for event in reversed(events)]",
        ),
        (
            "of two records with one id in a post the last stands",
            "for event in reversed(events) if",
            "for event in events if",
        ),
        (
            "the stored verdict is no floor",
            "held = History.of(_explained(known).values())",
            'held = History.of(known.get("events", []))',
        ),
        (
            "an event that comes late stands at the end of a cached history",
            "if self and new and moment(new[0]) < moment(self[-1]):",
            "if False:",
        ),
        (
            "what a cached history has decided is final",
            "history.deciders = self.deciders.after(",
            "history.deciders = self.deciders if self else self.deciders.after(",
        ),
        (
            "a cached history does not know its new events",
            'history.ids = self.ids | {event["id"] for event in new}',
            'history.ids = self.ids or frozenset(event["id"] for event in new)',
        ),
        (
            "a cached history does not know that it has events of REST",
            "self.has_rest or any(map(is_from_rest, new))",
            "self.has_rest",
        ),
        (
            "a history has the size of its new events",
            "history.size = self.size + _EVENT",
            "history.size = _EVENT",
        ),
        (
            "each event of a long history is looked at again",
            'history.ids = self.ids | {event["id"] for event in new}',
            'history.ids = frozenset(event["id"] for event in history)',
        ),
        (
            "the times of a document that was read are not its events'",
            "return history, history if is_read else new.values()",
            "return history, new.values()",
        ),
    ),
    *_mutations(
        "status/document.py",
        "document rest_events",
        (
            "the last time of a status instead of the first",
            "times[name] = min(at, times.get(name, at))",
            "times[name] = max(at, times.get(name, at))",
        ),
        (
            "the first deferral instead of the last",
            'times["deferred_at"] = max(',
            'times["deferred_at"] = min(',
        ),
        (
            "a time of REST beats that of a post",
            "return _times_after({}, of_rest) | _times_after(held, posted)",
            "return _times_after(held, posted) | _times_after({}, of_rest)",
        ),
        (
            "a time of REST stays when its event leaves",
            "if n in of_posts or at != of_others.get(n)}",
            "}",
        ),
        (
            "a sender of REST stays when its event leaves",
            'sender_ip in [event.get("sender_ip") for event in of_rest]',
            "False",
        ),
        (
            "a document id without its composition",
            "return mail_id(message_id, server_composition, message_id, to)",
            "return mail_id(message_id, message_id, to)",
        ),
        (
            "the last text wins, not the greatest",
            'if text > described.get(name, ""):',
            "if text:",
        ),
        (
            "an older version of the function lowers the version of the schema",
            '"schema_version": max(known.get("schema_version", 0), SCHEMA_VERSION),',
            '"schema_version": SCHEMA_VERSION,',
        ),
        (
            "a document that cannot be read is started over",
            "raise UnreadableDocumentError from None  # pydantic's text would quote the document",
            "known = {}",
        ),
        (
            "the reason of a deferral stays after it",
            'reason_of = greatest if greatest["status"] == Status.DEFERRED else explained',
            "reason_of = next((e for e in deciders if e.get('reason')), None)",
        ),
    ),
    *_mutations(
        "status/store.py",
        "store cache posts",
        (
            "a write counts as done whatever its own status",
            "if written.code is StatusCode.OK:",
            "if True:",
        ),
        (
            "an unknown outcome keeps the cache entry",
            "            self._remember(name, None, asked_at)\n",
            "",
        ),
        (
            "a lost race is final",
            "    StatusCode.FAILED_PRECONDITION,\n",
            "",
        ),
        (
            "a document that others created is final",
            "    StatusCode.ALREADY_EXISTS,\n",
            "",
        ),
        (
            "a document that others deleted is final",
            "    StatusCode.NOT_FOUND,\n",
            "",
        ),
        (
            "a write that Firestore refuses is tried for ever",
            "if written.code is StatusCode.INVALID_ARGUMENT:",
            "if False:",
        ),
        (
            "what was read is not cached",
            "self._remember(name, Held(fields, held.update_time), asked_at)",
            "pass",
        ),
        (
            "a repeat is written again",
            "if held and not changes:",
            "if False:",
        ),
        (
            "the first write is the last one",
            "if not folded[_FIRST_RECEIVED]:",
            "if True:",
        ),
        (
            "a history of the same length is taken for the same history",
            "new[: len(held)] != held",
            "len(new) < len(held)",
        ),
    ),
    *_mutations(
        "status/pending.py",
        "cache cost addresses",
        (
            "every mail is taken for new",
            "return Status.QUEUED in [e.status for e in self.events]",
            "return True",
        ),
        (
            "no mail is taken for new",
            "return Status.QUEUED in [e.status for e in self.events]",
            "return False",
        ),
        (
            "an address expires",
            "is_dated=False",
            "is_dated=True",
        ),
    ),
    *_mutations(
        "status/addresses.py",
        "addresses",
        ("an address keeps its case", "ascii_lower(address).encode()", "address.encode()"),
        ("a failure counts as a bounce", 'event["status"] not in BOUNCE_STATUSES or ', ""),
        ("mails for trying count", " or composition in IGNORED_COMPOSITIONS", ""),
        (
            "a new judgement replaces the old",
            '[*facts, *known.get("facts", [])]',
            '[*known.get("facts", []), *facts]',
        ),
        (
            "an unsubscription goes with the fifth day",
            "refusals = latest.pop(Kind.UNSUBSCRIBED, {})",
            "refusals = {}",
        ),
        (
            "one unsubscription for all compositions",
            'fact.get("server_composition", "") if',
            '"" if',
        ),
        (
            "the order is by event before time",
            'return fact["at"], fact["event"]',
            'return fact["event"], fact["at"]',
        ),
        (
            "one event is one fact, whatever its mail",
            '(fact["event"], fact["mail"]): fact for',
            'fact["event"]: fact for',
        ),
    ),
    *_mutations(
        "status/stop_rule.py",
        "addresses",
        (
            "days are counted in UTC",
            "datetime.combine(day, time(), JAPAN)",
            "datetime.combine(day, time(), UTC)",
        ),
        ("a window leaves its last day out", "last - first <= within", "last - first < within"),
        (
            "a mail counts on each of its days",
            'days[fact["mail"]] = max(day, days.get(fact["mail"], day))',
            'days[(fact["mail"], day)] = day',
        ),
        ("allow settles what is later, too", 'if fact["at"] > operator["at"]', "if False"),
        (
            "allow leaves what happened at its moment",
            'if fact["at"] > operator["at"]',
            'if fact["at"] >= operator["at"]',
        ),
        (
            "a block ends",
            'Stop(OPERATOR, operator["at"], NO_END)',
            'Stop(OPERATOR, operator["at"], operator["at"])',
        ),
        ("the earliest end decides", "return max(stops", "return min(stops"),
        ("a carrier's unknown user is certain", "return Kind.DOUBTFUL", "return Kind.HARD"),
    ),
    *_mutations(
        "status/cache.py",
        "cache",
        (
            "the cache is trusted for ever",
            "time.monotonic() - self.asked_at < _TRUSTED_S",
            "True",
        ),
        (
            "an older version replaces a newer one",
            "if known.held.update_time > held.update_time:",
            "if False:",
        ),
        ("the cache has no limit", "while self._room < 0:", "while False:"),
        (
            "the cache is trusted for a moment only",
            "_TRUSTED_S = 60.0",
            "_TRUSTED_S = 0.0",
        ),
    ),
    *_mutations(
        "status/quarantine.py",
        "posts",
        (
            "equal content is kept once for each post",
            "entry_id = digest(composition, event_type, content)",
            "entry_id = digest(composition, event_type, content, str(id(content)))",
        ),
        (
            "equal records of two compositions are one entry",
            "entry_id = digest(composition, event_type, content)",
            "entry_id = digest(event_type, content)",
        ),
        (
            "long content is not cut",
            'return content[:LARGEST_CONTENT].decode(errors="ignore")',
            "return content.decode()",
        ),
        ("the quarantine has secrets", "content = redactor.redact(content)", "pass"),
    ),
    *_mutations(
        "inbound/webhook.py",
        "inbound",
        (
            "200 before the attachments are stored",
            "        self._bucket.upload(document.objects, budget)\n",
            "",
        ),
        (
            "an unreadable mail is dropped",
            "        self._quarantine(body, why, received_at, budget)\n",
            "",
        ),
        (
            "the quarantine of mails has secrets",
            "content = self._redactor.redact(body)",
            "content = body",
        ),
        (
            "a repeated mail counts as stored",
            "return Receipt(stored=len(made), unchanged=1 - len(made))",
            "return Receipt(stored=1, unchanged=0)",
        ),
    ),
    *_mutations(
        "inbound/bucket.py",
        "inbound",
        (
            "a browser may show what a stranger sent",
            'content_type="application/octet-stream",',
            'content_type="text/html",',
        ),
        (
            "a missing bucket is not explained",
            "except (Forbidden, NotFound) as error:",
            "except () as error:",
        ),
    ),
]
