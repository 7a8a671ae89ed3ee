"""What the README says, held against the code."""

import json
import os
from datetime import datetime

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.answers import ERRORS
from cmc_webhook.local_firestore.server import start
from cmc_webhook.reading.statuses import INDEXED
from cmc_webhook.settings import DEFAULTS
from cmc_webhook.status.document import document_id
from tests.support import readme
from tests.support.records import as_form, as_json, make_post, make_record

GOOD = make_record(messageId="<good@example.com>")
ODD = make_record(messageId="<odd@example.com>")


def odd_rows():
    return readme.table("input", "differs by", "becomes")


def unfold(value):
    if isinstance(value, dict) and "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    return value


def odd_post(differs):
    """Return a post of the odd record between two good ones."""
    changes = {name: unfold(value) for name, value in json.loads(differs).items()}
    list_name = changes.pop("$list", "deliveries")
    record = {n: v for n, v in (ODD | changes).items() if v != {"$missing": True}}
    good = [GOOD, GOOD | {"to": "second@example.jp"}]
    post = make_post([good[0], record, good[1]] if list_name == "deliveries" else good)
    if list_name != "deliveries":
        post["event"][list_name] = [record]
    return post, record


@pytest.mark.parametrize("encode", [as_form, as_json])
@pytest.mark.parametrize("row", odd_rows(), ids=lambda row: row[0])
def test_odd_input_becomes_what_the_table_says(function, documents, quarantine, row, encode):
    _, differs, becomes = row
    post, record = odd_post(readme.code(differs))
    body, content_type = encode(post)

    answer = function.post("/", data=body, content_type=content_type).json

    found = documents().values()
    good = [d for d in found if d["message_id"] == GOOD["messageId"] and d["to"] != ODD["to"]]
    assert {d["to"] for d in good} | {GOOD["to"]} >= {"second@example.jp", "user@example.jp"}
    odd = [d for d in found if d["message_id"] != GOOD["messageId"]]
    expected = readme.code(becomes)
    if expected.startswith("quarantine"):
        assert (answer["stored"], answer["quarantined"], odd) == (2, 1, [])
        [entry] = quarantine()
        assert entry["why"] == expected.removeprefix("quarantine: ")
        assert json.loads(entry["content"]) == record
    else:
        assert (answer["stored"], answer["quarantined"], quarantine()) == (3, 0, [])
        [document] = odd
        for field, value in json.loads(expected).items():
            held = document.get(field)
            if isinstance(held, datetime):
                held = held.strftime("%Y-%m-%dT%H:%M:%SZ")
            assert held == unfold(value), field


def test_the_settings_are_those_of_the_code():
    rows = readme.table("variable", "default", "meaning")

    assert {readme.code(row[0]): readme.code(row[1]) for row in rows} == DEFAULTS


def test_the_answers_are_those_of_the_code():
    rows = readme.table("what happened", "status", "body")
    codes = {int(readme.code(row[1])) for row in rows}

    assert codes == {200, 500, *map(int, [status for status, _ in ERRORS.values()])}


def test_the_worked_example_of_a_document_id():
    example = document_id("pro", "<031a32d4-06cd@example.com>", "user@example.jp")

    assert readme.TEXT.count(example) >= 1


@pytest.mark.parametrize("block", readme.blocks("python"))
def test_the_python_of_the_readme_runs(client, function, block, monkeypatch, capsys):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    function.post("/", json=make_post([make_record(apiData="order-4711")]))
    function.post("/", json=make_post(bounces=[make_record(status="2", to="gone@example.jp")]))

    exec(block, {"__name__": "readme", "db": firestore.Client(), "os": os})


@pytest.mark.builtin
def test_the_indexes_are_those_that_the_documented_queries_need(monkeypatch, caplog):
    server = start(data=":memory:", port=0)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    mails = firestore.Client(project="demo-indexes").collection("mail_statuses")
    caplog.set_level("INFO")
    for field in INDEXED:
        newest = mails.where(filter=FieldFilter(field, "==", "x"))
        list(newest.order_by("status_at", direction=firestore.Query.DESCENDING).stream())
    server.stop()

    needed = {message[message.index("gcloud") :] for message in caplog.messages}
    shell = " ".join(readme.blocks("sh")).replace("\\\n", " ")
    commands = [line for line in shell.splitlines() if "indexes composite create" in line]
    documented = {
        " ".join(w for w in line.split() if not w.startswith(("--database", "--async")))
        for line in commands
    }
    assert documented == needed
