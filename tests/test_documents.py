"""
What the documents say, held against the code.

Every table of a contract is compared with the list in the code, every block of code and every
command is run or parsed, and every link is followed.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmc_webhook.answers import ERRORS
from cmc_webhook.command_line.main import main as commands
from cmc_webhook.errors import WebhookError
from cmc_webhook.inbound import document as inbound_document
from cmc_webhook.inbound.document import mail_document
from cmc_webhook.inbound.headers import Headers
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text
from cmc_webhook.logs import FIELDS
from cmc_webhook.reading.meanings import CLASSES as CLASS_WORDS
from cmc_webhook.reading.texts import load
from cmc_webhook.reasons import Reason
from cmc_webhook.settings import DEFAULTS
from cmc_webhook.status import addresses
from cmc_webhook.status.diagnosis import Diagnosis
from cmc_webhook.status.document import CLASSES, document_id
from cmc_webhook.status.document import FIELDS as DOCUMENT_FIELDS
from cmc_webhook.status.events import BOUNCE_CODES, Status
from cmc_webhook.status.history import HistoryEvent
from cmc_webhook.status.stop_rule import RULE
from tests.support import shell
from tests.support.documents import ROOT, Document, all_documents, code, names
from tests.support.records import as_form, as_json, make_post, make_record
from tests.test_architecture import FUNCTIONS, PACKAGE, deployed

README = Document("README.md")
STATUS = Document("cmc_webhook/status/README.md")
INBOUND = Document("cmc_webhook/inbound/README.md")
COMMANDS = Document("cmc_webhook/command_line/README.md")
DOCUMENTS = {document.path: document for document in all_documents()}
TIMES_OF_THE_STORE = {"first_received_at", "last_received_at", "expires_at"}

GOOD = make_record(messageId="<good@example.com>")
ODD = make_record(messageId="<odd@example.com>")

every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


def with_code(language):
    """Parametrize with each block of *language* of any document."""
    found = [(d.path, block) for d in DOCUMENTS.values() for block in d.blocks(language)]
    ids = [f"{path}-{number}" for number, (path, _) in enumerate(found)]
    return pytest.mark.parametrize("block", [block for _, block in found], ids=ids)


# Contracts: each table has exactly what the code has.


def test_the_settings_are_those_of_the_code():
    rows = STATUS.table("variable", "function", "default", "meaning")

    assert {code(row[0]): code(row[2]) for row in rows} == DEFAULTS


def test_the_answers_are_those_of_the_code():
    rows = STATUS.table("what happened", "status", "code", "besides")
    answers = [(int(code(row[1])), code(row[2])) for row in rows]

    assert Counter(answers) == Counter([(200, ""), (500, ""), *ERRORS.values()])


def kinds_of(error):
    return {error}.union(*map(kinds_of, error.__subclasses__()))


def test_every_error_has_an_answer():
    assert [
        e for e in kinds_of(WebhookError) - {WebhookError} if not set(e.__mro__) & {*ERRORS}
    ] == []


def test_the_log_line_has_the_fields_of_the_code():
    rows = STATUS.table("field", "unit", "meaning")

    assert rows == [
        [f"`{name}`", field.metadata["unit"], field.metadata["meaning"]]
        for name, field in FIELDS.items()
    ]


def test_each_reason_of_quarantine_is_explained_once():
    rows = STATUS.table("`why`", "meaning") + INBOUND.table("`why`", "meaning")

    assert Counter(code(row[0]) for row in rows) == Counter(reason.value for reason in Reason)


def documented_fields(*tables):
    return sorted(name for rows in tables for row in rows for name in names(row[0]))


def test_the_document_has_the_fields_of_the_code():
    of_document, of_event, of_address = STATUS.all_tables("field", "type", "meaning")

    assert documented_fields(of_document) == sorted([*DOCUMENT_FIELDS, *TIMES_OF_THE_STORE])
    assert documented_fields(of_event) == sorted(HistoryEvent.__annotations__)
    assert documented_fields(of_address) == sorted(addresses.FIELDS)


def test_the_bounce_codes_are_those_of_the_code():
    rows = STATUS.table("code", "`bounce_cause`", "`bounce_class`")
    classes = STATUS.table("`bounce_class`", "meaning", "what to do")

    assert {row[0]: (code(row[1]), code(row[2])) for row in rows} == BOUNCE_CODES
    by_code = {each for _, each in BOUNCE_CODES.values()}
    assert {code(row[0]) for row in classes} == by_code | {*CLASSES.values()}
    diagnoses = STATUS.table("`diagnosis`", "meaning", "class", "what to do")
    assert {code(row[0]): code(row[2]) for row in diagnoses} == CLASSES


@pytest.mark.parametrize(
    ("language", "document", "colon"),
    [("en", STATUS, ": "), ("ja", Document("cmc_webhook/status/README.ja.md"), ":")],
)
def test_the_meanings_are_those_that_page_and_commands_show(language, document, colon):
    texts = load(language)
    rows = [[code(row[0]), *row[1:]] for table in document.tables() for row in table]

    for word in CLASS_WORDS:
        meaning = f"{texts[f'class.{word}']}{colon}{texts[f'class_happened.{word}']}"
        assert [word, meaning, texts[f"class_todo.{word}"]] in rows
    for word in Diagnosis:
        [todo] = [row[3] for row in rows if row[:2] == [word, texts[f"diagnosis.{word}"]]]
        assert todo == texts[f"diagnosis_todo.{word}"]


@pytest.mark.parametrize(
    ("path", "headings", "no_end", "days"),
    [
        ("README.md", "on how many days|kind|within|stops for", "no end", " days"),
        ("README.ja.md", "日数|種類|期間|送信対象外の長さ", "期限なし", "日"),
    ],
)
def test_the_rule_on_stopping_is_that_of_the_code(path, headings, no_end, days):
    expected = [
        [
            str(line.days),
            f"`{line.kind}`",
            f"{line.within}{days}",
            f"{line.length}{days}" if line.length else no_end,
        ]
        for line in RULE
    ]

    document = Document(f"cmc_webhook/status/{path}")
    assert document.table(*headings.split("|")) == expected


def test_the_worked_example_of_the_id_of_an_address():
    [example] = [block for block in STATUS.blocks("text") if "user@example.jp  72c7" in block]
    assert example.split()[-1] == addresses.address_id("User@example.jp")


def test_the_statuses_are_those_of_the_code():
    rows = README.table("`status`", "what it means", "what to do")

    assert Counter(filter(None, (code(row[0]) for row in rows))) == Counter(map(str, Status))


def test_an_entry_of_the_quarantine_has_the_documented_fields(make_function, quarantine):
    function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_RETENTION_DAYS="1")
    long = make_record(created="", note="x" * 900_000)

    function.post("/", json=make_post([long]))
    function.post("/", data=b"no event")

    written = {name for entry in quarantine() for name in entry}
    assert documented_fields(STATUS.table("field", "meaning")) == sorted(written)


def test_an_entry_of_the_quarantine_of_received_mail_has_the_documented_fields(
    make_inbound, documents
):
    inbound = make_inbound(CMC_ALLOW_UNAUTHENTICATED="true", CMC_RETENTION_DAYS="1")

    inbound.post("/", data=b"no mail")

    [entry] = documents("inbound_mails_quarantine").values()
    assert documented_fields(INBOUND.table("field", "meaning")) == sorted(entry)


def received_mails():
    """Return mails that together have everything that a mail can have."""
    header = Headers(
        [
            *(("From", "a@example.jp"), ("To", "b@example.jp"), ("Cc", "c@example.jp")),
            *(("Reply-To", "d@example.jp"), ("Subject", "件名"), ("Message-ID", "<m@example.jp>")),
            *(("Date", "Sat, 25 Jan 2025 14:03:06 +0900"), ("In-Reply-To", "<o@example.jp>")),
            *(("References", "<o@example.jp>"), ("Auto-Submitted", "auto-replied")),
        ]
    )
    about = dict.fromkeys(("spf", "dkim", "sender_ip", "filter", "server_composition"), "x")
    about |= {"spam_score": "1.5", "attachments": "2"}
    file = Attachment(b"x", "file.txt", "text/plain", "id")
    short = Contents(header, [Text(b"text")], [Text(b"html")], [file], raw=b"raw")
    long_header = Headers([*header.items, *(("X", "x" * 10_000) for _ in range(200))])
    long = Contents(
        long_header, [Text(b"x" * 2_000_000, "ascii")], [Text(b"x" * 2_000_000, "ascii")]
    )
    guessed = Contents(header, [Text(b"don\x92t")], [Text(b"don\x92t")])
    return [
        Mail("cmc", contents, "a@example.jp", ["b@example.jp"], about)
        for contents in (short, long, guessed)
    ]


def test_the_document_of_a_received_mail_has_the_fields_of_the_code():
    rows = INBOUND.table("field", "type", "meaning")
    written = {name for mail in received_mails() for name in mail_document(mail, "bucket").fields}

    # Only an error of the program makes `unreadable_fields`.
    others = ["received_at", "expires_at", "unreadable_fields"]
    assert documented_fields(rows) == sorted([*written, *others])

    # A field that none of these mails has would not be seen above.
    documented = {name for row in rows for cell in row for name in names(cell)}
    tree = ast.parse(Path(inbound_document.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    added = [node.args[0] for node in calls if getattr(node.func, "attr", "") == "add"]
    named = {name.value for name in added if isinstance(name, ast.Constant)}
    assert named <= documented


def test_the_commands_are_those_of_the_code():
    rows = COMMANDS.table("command", "what it does")

    assert [name for row in rows for name in names(row[0])] == commands.list_commands(None)


def test_the_readme_names_every_folder_and_whether_it_is_deployed():
    rows = README.table("in `cmc_webhook/`", "what is there", "deployed")
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    told = {name.rstrip("/"): row[2] == "yes" for row in rows for name in names(row[0])}

    assert told == {folder: folder in FUNCTIONS for folder in folders}


def test_each_deployed_file_is_on_the_way_of_a_post():
    told = {p for p in re.findall(r"[\w/]+\.py", STATUS.text + INBOUND.text) if "test" not in p}
    files = {name.replace(".", "/") + ".py" for name in deployed()}

    assert told == files


def test_the_worked_example_of_a_document_id():
    example = document_id("pro", "<031a32d4-06cd@example.com>", "user@example.jp")

    assert f"document id                          {example}" in STATUS.text


def test_a_documented_mail_is_stored_as_it_is_shown(function, documents):
    for name in ("failed", "bounced"):
        body = (ROOT / f"tests/payloads/{name}-user-unknown.json").read_bytes()
        function.post("/", data=body, content_type="application/json")

    [document] = documents().values()
    [shown] = [block for block in STATUS.blocks("text") if block.startswith("bounce_cause")]
    fields = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert list(fields) == sorted(document)
    texts = {name: json.loads(text) for name, text in fields.items() if text.startswith('"')}
    assert [n for n, text in texts.items() if not matches(text, document[n])] == []


def matches(shown, real):
    """Whether *real* is what is *shown*, where … stands for anything."""
    return re.fullmatch(re.escape(shown).replace("…", ".*"), real, re.S)


# The table of odd input is run.


def odd_rows():
    return STATUS.table("input", "differs by", "becomes")


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
    post, record = odd_post(code(differs))
    body, content_type = encode(post)

    answer = function.post("/", data=body, content_type=content_type).json

    found = documents().values()
    good = [d for d in found if d["message_id"] == GOOD["messageId"] and d["to"] != ODD["to"]]
    assert {d["to"] for d in good} | {GOOD["to"]} >= {"second@example.jp", "user@example.jp"}
    odd = [d for d in found if d["message_id"] != GOOD["messageId"]]
    expected = code(becomes)
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


# Code and commands.


@every_document
def test_every_block_has_a_language_that_is_tested(document):
    assert {language for language, _ in document.fences()} <= {
        *("sh", "python", "py", "js", "json", "text")
    }


@with_code("python")
def test_python_runs_against_the_function(
    client, function, firestore_address, block, monkeypatch, capsys
):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)  # put back if it is changed
    function.post("/", json=make_post([make_record(apiData="order-4711")]))
    function.post(
        "/", json=make_post([make_record(messageId="<ok@example.jp>", status="succeeded")])
    )
    gone = make_record(status="2", to="gone@example.jp")
    function.post("/", json=make_post(bounces=[gone, make_record(status="2")]))
    function.post("/", json=make_post([make_record(created="")]))

    exec(block, {"__name__": "document"})


@with_code("py")
def test_python_for_another_place_is_parsed(block):
    compile(block, "document", "exec")


@with_code("json")
def test_json_is_parsed(block):
    json.loads(block)


@with_code("js")
def test_javascript_is_parsed_and_runs_where_it_can(block, tmp_path):
    file = tmp_path / "block.mjs"
    file.write_text(block)

    subprocess.run(["node", "--check", file], check=True)
    if "@google-cloud" not in block:
        done = subprocess.run(["node", file], check=True, capture_output=True, text=True)
        assert done.stdout.splitlines() == re.findall("// prints (.*)", block)


def commands_in_the_prose(document):
    told = ("python -m ", "pip install ", "gcloud ", "npm install ")
    return [text for text in document.codes() if text.startswith(told)]


def calls_of(document, folder):
    """Return the commands of a document: the blocks in their order, then those in the prose."""
    found = shell.calls("\n".join(document.blocks("sh")), folder)
    for command in commands_in_the_prose(document):
        found += shell.calls(command, folder)
    return found


@every_document
def test_the_commands_of_a_document_can_be_given(document, tmp_path, pytestconfig):
    for call in calls_of(document, tmp_path):
        shell.check(call, tmp_path, pytestconfig)


def test_gcloud_takes_the_documented_commands(tmp_path):
    found = [call for document in DOCUMENTS.values() for call in calls_of(document, tmp_path)]

    shell.check_gcloud([call for call in found if call[0] == "gcloud"])


def blank(text):
    """Return *text* with every time replaced."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)


@pytest.mark.parametrize(
    ("readme", "locale"),
    [(README, "C.UTF-8"), (DOCUMENTS[".github/README.ja.md"], "ja_JP.UTF-8")],
    ids=["en", "ja"],
)
def test_the_samples_are_stored_and_shown_as_the_readme_says(
    client, function, serve_app, firestore_address, documents, tmp_path, readme, locale
):
    address = serve_app(function.application).removeprefix("http://")
    given = {
        "FIRESTORE_EMULATOR_HOST": firestore_address,
        "GOOGLE_CLOUD_PROJECT": client.project,
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        "COLUMNS": "120",
        "LC_ALL": locale,
        "NO_PROXY": "127.0.0.1",
    }
    shell.furnish(tmp_path)

    def run(script):
        script = script.replace("127.0.0.1:8080", address)
        return subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, env=given, stdout=subprocess.PIPE, text=True
        ).stdout

    [samples] = [block for block in readme.blocks("sh") if "NOW=" in block]
    [look] = [block for block in readme.blocks("sh") if " show " in block and "show 9" in block]
    _, same_again = samples.split("\n", 1)  # without the line that sets NOW
    answers = run(samples + same_again)
    shown = blank(run(look))

    stored = '{"quarantined":0,"received":1,"stored":1,"unchanged":0}\n'
    unchanged = '{"quarantined":0,"received":1,"stored":0,"unchanged":1}\n'
    assert answers == stored * 3 + unchanged * 3
    expected = blank("".join(readme.blocks("text")))
    assert matches(expected, shown), shown
    now = datetime.now(UTC)
    for document in documents().values():
        assert abs(now - document["status_at"]) < timedelta(minutes=2)


# Documents among themselves.


def leads_somewhere(document, link):
    path, _, anchor = link.partition("#")
    target = (document.file.parent / path).resolve() if path else document.file
    if not anchor:
        return target.exists()
    return target.exists() and anchor in Document(target.relative_to(ROOT)).anchors()


@every_document
def test_every_link_leads_somewhere(document):
    own = [link for link in document.links() if not link.startswith(("http://", "https://"))]

    assert [link for link in own if not leads_somewhere(document, link)] == []


def test_the_readme_is_short():
    assert len(README.text.splitlines()) <= 250
