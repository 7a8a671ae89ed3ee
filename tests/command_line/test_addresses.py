"""`addresses`: a file is checked, the stopped are listed and explained, and a person decides."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook.command_line import addresses as command
from cmc_webhook.reading import checking
from cmc_webhook.reading.checking import Source, check
from cmc_webhook.reading.csv_files import CsvFile
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.texts import Texts, load
from cmc_webhook.status.addresses import address_id
from tests.support.documents import Document
from tests.support.records import make_post, make_record

TOKYO = ZoneInfo("Asia/Tokyo")
STATUS = Document("cmc_webhook/status/README.md")
ADDRESSES = [
    "-stop@example.jp",
    "=stop@example.jp",
    "+stop@example.jp",
    "--a..b@example.jp",
    "'o'brien@example.jp",
    '"a b"@example.jp',
    "foo..bar+tag@example.jp",
]


def ago(days, **more):
    return (datetime.now(TOKYO) - timedelta(days=days, **more)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture
def bounce(function):
    """Post a bounce of each address, so many days ago."""

    def send(*addresses, days=1, code="2", composition="pro", **fields):
        records = [
            make_record(to=to, status=code, created=ago(days), messageId=f"<{days}{to}>", **fields)
            for to in addresses
        ]
        answer = function.post("/", json=make_post(bounces=records, composition=composition))
        assert answer.json["received"] == len(records)

    return send


@pytest.fixture
def decided(client):
    """Read what is stored about an address."""

    def read(address):
        return client.document("mail_addresses", address_id(address)).get().to_dict()

    return read


@pytest.fixture
def checked(run, tmp_path):
    """Check a file; return its answer and the summary."""

    def ask(content, *options):
        given, answer = tmp_path / "given.csv", tmp_path / "answer.csv"
        given.write_bytes(content)
        result = run("addresses", "check", str(given), "-o", str(answer), *options)
        assert result.exit_code == 0, result.stderr
        return answer.read_bytes(), result.stderr

    return ask


@pytest.fixture
def calls(faulty, monkeypatch, run):
    """Count the calls of the commands to Firestore."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    counted = Counter()
    faulty.plan = lambda rpc: counted.update([rpc])
    return counted


def as_file(addresses, encoding="utf-8", columns=2):
    head = ["氏名", "メール", *(f"項目{n}" for n in range(columns - 2))]
    rows = [
        [
            ("髙橋　太郎", "㈱山田商店")[n % 2],
            to,
            *['"1,0\n00"', ""][: columns - 2] * ((columns - 2) // 2),
        ]
        for n, to in enumerate(addresses)
    ]
    quoted = [
        [f'"{c.replace(chr(34), 2 * chr(34))}"' if c[:2] == '"a' else c for c in row]
        for row in rows
    ]
    return "\r\n".join(map(",".join, [head, *quoted])).encode(encoding)


def rows_of(content, encoding="utf-8"):
    return [*csv.reader(io.StringIO(content.decode(encoding), newline=""))]


def answers_of(content, encoding="utf-8"):
    return {row[1]: row[-3:] for row in rows_of(content, encoding)[1:]}


# A file.


def test_a_file_of_shift_jis_comes_back_with_three_columns(bounce, checked, calls, scale):
    count = round(10_000 * scale)
    addresses = [f"user{n}@example{n % 9}.jp" for n in range(count)]
    bounce(*addresses[::100])
    given = as_file(addresses, "cp932", columns=30)

    answer, said = checked(given, "--lang", "ja")

    before, after = rows_of(given, "cp932"), rows_of(answer, "cp932")
    assert [row[:30] for row in after] == before
    assert after[0][30:] == ["送信可否", "理由", "期限"]
    stopped = {row[1] for row in after[1:] if row[30] == "送信対象外"}
    assert stopped == {*addresses[::100]}
    assert {row[30] for row in after[1:]} == {"送信対象外", "送信可"}
    by_id, successes = count // 500, count // 100
    assert calls["BatchGetDocuments"] == by_id
    assert calls["RunQuery"] == successes
    assert f"{count:,}行のうち、送信可は{count - successes:,}行です。" in said
    assert f"送信対象外{successes}行: 恒久的なエラー" in said
    cost = f"Firestoreの呼び出し{by_id + successes}回、課金対象の読み取り{count + successes:,}件。"
    assert cost in said


def test_of_very_many_addresses_the_stopped_ones_are_read_once(bounce, checked, calls, monkeypatch):
    bounce("stop@example.jp")
    bounce("unsub@example.jp", code="11")
    bounce("other@example.jp", code="11", composition="news")
    given = as_file([*(f"u{n}@x.jp" for n in range(1_200)), "stop@example.jp", "unsub@example.jp"])
    expected, _ = checked(given, "--composition", "pro")
    calls.clear()
    monkeypatch.setattr(command, "MOST_BY_ID", 1_000)

    answer, said = checked(given, "--composition", "pro")

    assert answer == expected
    assert answers_of(answer)["unsub@example.jp"] == ["stopped", "unsubscribed", ""]
    assert calls["BatchGetDocuments"] == 0
    assert "billed reads" in said
    assert "3 billed reads" in said  # the two, and a later success of the stopped one


def test_an_unsubscription_counts_for_its_composition_alone(bounce, checked):
    bounce("a@example.jp", code="11")
    given = as_file(["a@example.jp"])

    answers = [
        answers_of(checked(given, *options)[0])["a@example.jp"][0]
        for options in ((), ("--composition", "other"), ("--composition", "pro"))
    ]

    assert answers == ["may be mailed", "may be mailed", "stopped"]


def test_what_is_no_address_says_so(checked):
    answer, said = checked(as_file(["a@example.jp", "", "yamada", "a@x.jp/b@x.jp"]))

    assert [row[-3:] for row in rows_of(answer)[1:]] == [
        ["may be mailed", "", ""],
        *[["stopped", "not an address", ""]] * 3,
    ]
    assert "3 not: not an address" in said


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_is_found_and_stays_as_it_is(bounce, checked, run, address):
    bounce(address)
    given = as_file([address])

    answer, _ = checked(given)
    listed = run("addresses", "list", "--csv")

    assert answers_of(answer)[address][0] == "stopped"
    [row] = [*csv.DictReader(io.StringIO(listed.stdout.removeprefix("\ufeff"), newline=""))]
    assert row["address"] == address
    assert address in run("addresses", "list").stdout
    for name in ("show", "allow"):
        result = run("addresses", name, *(["--yes"] if name == "allow" else []), "--", address)
        assert result.stdout.splitlines()[0] == address
    assert answers_of(checked(given)[0])[address][0] == "may be mailed"


def test_pasted_forms_are_understood(bounce, checked):
    bounce("taro@example.jp")

    answer, _ = checked(
        "mail,x\nTaro@Example.JP,1\nＴaro＠example.jp,2\n<taro@example.jp>,3\n".encode()
    )

    assert [row[2] for row in rows_of(answer)[1:]] == ["stopped"] * 3


def test_a_later_success_is_shown_and_does_not_decide(bounce, function, checked, run):
    bounce("a@example.jp", "b@example.jp", days=3)
    for to, status, days in (
        ("a@example.jp", "succeeded", 1),
        ("b@example.jp", "succeeded", 9),
        ("b@example.jp", "deferred", 1),
    ):
        mail = make_record(to=to, status=status, created=ago(days), messageId=f"<{status}>")
        function.post("/", json=make_post([mail]))

    answers = answers_of(checked(as_file(["a@example.jp", "b@example.jp"]))[0])

    assert answers["a@example.jp"][:2] == [
        "stopped",
        f"permanent errors (a mail was accepted later, on {ago(1)[:10]})",
    ]
    assert answers["b@example.jp"][:2] == ["stopped", "permanent errors"]
    assert "A later mail was accepted" in run("addresses", "show", "a@example.jp").stdout
    assert "A later mail was accepted" not in run("addresses", "show", "b@example.jp").stdout


def test_a_success_of_another_address_is_none_of_a_forgotten_one(bounce, function, run):
    bounce("a@example.jp", days=3, code="11")
    run("addresses", "block", "a@example.jp")
    run("forget", "a@example.jp", "--yes")
    mail = make_record(to="b@example.jp", status="succeeded", created=ago(1))
    function.post("/", json=make_post([mail]))

    said = run("addresses", "show", "a@example.jp").stdout

    assert "Unsubscribed" in said
    assert "A later mail was accepted" not in said


def test_later_successes_are_looked_up_for_a_number_of_addresses(bounce, checked, monkeypatch):
    monkeypatch.setattr(checking, "MOST_SUCCESSES", 2)
    monkeypatch.setattr(command, "MOST_SUCCESSES", 2)
    bounce("a@example.jp", "b@example.jp", "c@example.jp")

    _, said = checked(as_file(["a@example.jp", "b@example.jp", "c@example.jp"]))

    assert "for the first 2 stopped addresses only" in said
    assert "3 calls to Firestore, 5 billed reads." in said


def test_standard_input_and_output_have_the_same_bytes(bounce, checked, tmp_path, run):
    bounce("a@example.jp")
    given = as_file(["a@example.jp", "b@example.jp"], "cp932")
    expected, _ = checked(given, "--lang", "ja")

    piped = subprocess.run(
        [sys.executable, "-m", "cmc_webhook", "addresses", "check", "-", "--lang", "ja"],
        input=given,
        capture_output=True,
        check=True,
    )

    assert piped.stdout == expected


def test_a_file_may_take_the_place_of_the_one_that_is_checked(bounce, checked, tmp_path, run):
    expected, _ = checked(as_file(["a@example.jp"]))
    file = tmp_path / "same.csv"
    file.write_bytes(as_file(["a@example.jp"]))

    assert run("addresses", "check", str(file), "-o", str(file)).exit_code == 0
    assert file.read_bytes() == expected


@pytest.mark.parametrize("content", [b'name,mail\n"x,a@x.jp\n', b"PK\0", b"name\nx\n"])
def test_a_file_that_cannot_be_read_gives_no_answer(run, tmp_path, content):
    given, answer = tmp_path / "given.csv", tmp_path / "answer.csv"
    given.write_bytes(content)

    result = run("addresses", "check", str(given), "-o", str(answer), "--lang", "ja")

    assert result.exit_code == 1
    assert "エラー: " in result.stderr
    assert not answer.exists()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_cells_that_are_added_are_no_formula_and_fit_any_encoding(language):
    texts = load(language)
    added = [
        text
        for key, text in texts.items()
        if key.startswith(("stop.", "verdict.", "checked.", "column."))
    ]

    assert [text for text in added if text[:1] in "=+-@\t\r"] == []
    assert [text for text in added if text.encode("cp932", "replace").decode("cp932") != text] == []


@pytest.mark.slow
def test_more_rows_take_no_more_memory(client, bounce):
    """The memory of Python's objects, at most; the file and the answer are on disk."""
    import tempfile
    import tracemalloc

    bounce(*(f"user{n}@example.jp" for n in range(50)))
    peaks = []
    for rows in (2_000, 30_000):
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
            given.writelines(
                f"{n},user{n}@example.jp,髙橋\r\n".encode("cp932") for n in range(rows)
            )
            tracemalloc.start()
            statuses = MailStatuses(client, "mail_statuses")
            addresses = MailAddresses(client, "mail_addresses")
            source = Source(addresses, statuses, datetime.now(UTC), None, many=True)
            counts = Counter()
            for part in check(CsvFile(given), answer, source, Texts("ja"), TOKYO):
                counts.update(part)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert counts == {"": rows - 50, "恒久的なエラー": 50}
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000, peaks


# The list.


def test_the_list_has_the_stopped_the_latest_end_first(bounce, run):
    bounce("month@example.jp")
    bounce("ever@example.jp", days=40)
    bounce("ever@example.jp", days=2)
    bounce("soft@example.com", code="5")
    bounce("doubt@docomo.ne.jp", days=5)
    bounce("doubt@docomo.ne.jp", days=3)

    lines = run("addresses", "list").stdout.splitlines()

    assert [line.split()[0] for line in lines] == [
        "address", "ever@example.jp", "doubt@docomo.ne.jp", "month@example.jp",
    ]  # fmt: skip
    assert "no end" in lines[1]
    assert ago(3)[:10] in lines[2]

    def listed(*options):
        return [
            line.split()[0] for line in run("addresses", "list", *options).stdout.split("\n")[1:-1]
        ]

    assert listed("--cause", "doubtful") == ["doubt@docomo.ne.jp"]
    assert listed("--domain", "EXAMPLE.jp") == ["ever@example.jp", "month@example.jp"]
    assert listed("--since", ago(2)[:10]) == ["ever@example.jp", "month@example.jp"]
    assert listed("--domain", "example.jp", "--cause", "hard", "--limit", "1") == [
        "ever@example.jp"
    ]
    assert run("addresses", "list", "--domain", "x.jp").stderr.splitlines()[-1] == (
        "No address is stopped."
    )


def test_the_list_as_csv_has_every_page(bounce, run, monkeypatch):
    monkeypatch.setattr(command, "_PAGE", 2)
    addresses = [f"u{n}@example.jp" for n in range(5)]
    bounce(*addresses)

    result = run("addresses", "list", "--csv", "--lang", "ja")

    assert result.stdout_bytes.startswith("\ufeff宛先アドレス,理由,開始,期限,備考\r\n".encode())
    rows = rows_of(result.stdout_bytes, "utf-8-sig")
    assert sorted(row[0] for row in rows[1:]) == addresses
    assert {tuple(row[1:3]) for row in rows[1:]} == {("恒久的なエラー", ago(1)[:10])}


def test_a_stop_without_a_delivery_event_is_marked(bounce, function, run):
    bounce("alone@example.jp", "known@example.jp")
    delivery = make_record(to="known@example.jp", messageId="<1known@example.jp>", status="failed")
    function.post("/", json=make_post([delivery]))

    rows = rows_of(run("addresses", "list", "--csv").stdout_bytes, "utf-8-sig")

    assert {row[0]: row[4] for row in rows[1:]} == {
        "alone@example.jp": "no delivery event",
        "known@example.jp": "",
    }
    for words in (["addresses", "show"], ["show"]):
        alone, known = (
            " ".join(run(*words, f"{name}@example.jp").stdout.split())
            for name in ("alone", "known")
        )
        assert "the error may belong to another address" in alone
        assert "belong to another address" not in known
        assert "addresses allow -- alone@example.jp" in alone


# The samples of the documents.

ASKED = [
    "Stop@example.jp",
    "unsub@example.jp",
    "elsewhere@example.jp",
    "over@example.jp",
    "new@x.jp",
]


@pytest.fixture
def bounced(bounce):
    """Addresses of which the last three of ASKED may be mailed through `pro`."""
    bounce("stop@example.jp")
    bounce("unsub@example.jp", code="11")
    bounce("elsewhere@example.jp", code="11", composition="news")
    bounce("over@example.jp", days=31)


def sample(language, name):
    [found] = [block for block in STATUS.blocks(language) if f"{name}(" in block]
    return found


def test_the_python_sample_answers_as_the_command_does(bounced, checked, run):
    answer, _ = checked("\n".join(["mail", *ASKED]).encode(), "--composition", "pro")
    sampled = {"__name__": "document"}
    exec(sample("python", "may_be_mailed"), sampled)

    allowed = [row[0] for row in rows_of(answer) if row[1] == "may be mailed"]
    assert allowed[1:] == ASKED[2:]
    assert sampled["may_be_mailed"](ASKED, "pro") == ASKED[2:]
    assert sampled["may_be_mailed"](ASKED, "other") == ASKED[1:]


@pytest.mark.skipif("NODE_MODULES" not in os.environ, reason="NODE_MODULES names no folder")
def test_the_node_sample_answers_as_the_command_does(bounced, run, tmp_path):
    (tmp_path / "node_modules").symlink_to(os.environ["NODE_MODULES"])
    file = tmp_path / "ask.mjs"
    asked = f'console.log(JSON.stringify(await mayBeMailed({json.dumps(ASKED)}, "pro")));'
    file.write_text(sample("js", "mayBeMailed") + asked)

    done = subprocess.run(["node", file], check=True, capture_output=True, text=True)

    assert json.loads(done.stdout.splitlines()[-1]) == ASKED[2:]


# One address, and what a person decides.


def test_an_address_is_explained(bounce, run):
    bounce("a@example.jp", reason="550 5.1.1 user unknown")
    bounce("a@example.jp", days=2, code="10")

    said = run("addresses", "show", "A@example.jp", "--lang", "ja").stdout

    assert "恒久的なエラー" in said
    assert "550 5.1.1 user unknown" in said
    assert "配信停止アドレス" in said
    assert "python -m cmc_webhook addresses allow -- a@example.jp" in said


def test_an_allowed_address_may_be_mailed_until_it_bounces_again(bounce, run, decided):
    bounce("a@example.jp")

    asked = run("addresses", "allow", "a@example.jp", input="n\n")
    assert asked.exit_code == 1
    assert "operator" not in decided("a@example.jp")
    assert "lift the block in CMC" in asked.stdout
    allowed = run("addresses", "allow", "a@example.jp", "--note", "電話", input="y\n")

    assert allowed.stdout.splitlines()[-1].startswith("Nothing on record stops mail")
    stored = decided("a@example.jp")
    assert "stop_until" not in stored
    assert (stored["operator"]["decision"], stored["operator"]["note"]) == ("allow", "電話")
    assert "no longer counted" in run("addresses", "show", "a@example.jp").stdout
    bounce("a@example.jp", days=0)  # of the same second at the earliest
    bounce("a@example.jp", days=-1)
    assert decided("a@example.jp")["stop_cause"] == "hard"


def test_a_blocked_address_stays_so_until_it_is_allowed(bounce, run, decided):
    run("addresses", "block", "New@example.jp", "--note", "asked by phone")

    stored = decided("new@example.jp")
    assert (stored["to"], stored["to_domain"]) == ("new@example.jp", "example.jp")
    assert stored["stop_cause"] == "operator"
    assert stored["stop_until"].year == 9999
    bounce("new@example.jp", code="5")
    assert decided("new@example.jp")["stop_cause"] == "operator"
    said = run("addresses", "show", "new@example.jp").stdout
    assert "An operator stopped this address" in said
    assert "Note: asked by phone" in said
    run("addresses", "allow", "new@example.jp", "--yes")
    assert "stop_until" not in decided("new@example.jp")


def test_an_address_without_a_record_needs_no_permission(run, documents):
    result = run("addresses", "allow", "new@example.jp", "--yes")

    assert result.exit_code == 0
    assert "there is nothing to allow" in result.stdout
    assert documents("mail_addresses") == {}


def test_an_unsubscription_is_lifted_with_a_warning(bounce, run, decided):
    bounce("a@example.jp", code="11")

    said = run("addresses", "allow", "a@example.jp", "--yes").stdout

    assert "Do it only if the recipient asked for it." in said
    assert "unsubscribed_from" not in decided("a@example.jp")


@pytest.mark.parametrize("days", [1, -1], ids=["before the decision", "after it"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("name", ["allow", "block"])
def test_a_bounce_that_comes_meanwhile_is_not_lost(
    bounce, faulty, calls, run, decided, name, known, days
):
    if known or name == "allow":
        bounce("a@example.jp", days=2)
    commits = []

    def plan(rpc):
        if rpc == "Commit":
            commits.append(rpc)
            if len(commits) == 1:
                bounce("a@example.jp", days=days)

    faulty.plan = plan

    yes = ["--yes"] if name == "allow" else []
    assert run("addresses", name, "a@example.jp", *yes).exit_code == 0

    stored = decided("a@example.jp")
    assert len(commits) == 2
    assert len(stored["facts"]) == 1 + (known or name == "allow")
    assert stored["operator"]["decision"] == name
    # Of two stops without end the cause is that of the rule.
    stopped = ("hard" if known else "operator") if name == "block" else "hard" if days < 0 else None
    assert stored.get("stop_cause") == stopped


def test_a_document_that_somebody_edited_is_named(bounce, client, run):
    bounce("a@example.jp")
    document = client.document("mail_addresses", address_id("a@example.jp"))
    document.update({"facts": "x"})

    for name in ("allow", "block"):
        result = run("addresses", name, "a@example.jp", *(["--yes"] if name == "allow" else []))
        assert result.exit_code == 1
        assert f"mail_addresses/{document.id}" in result.stderr
    assert document.get().to_dict()["facts"] == "x"


@pytest.mark.parametrize("name", ["show", "allow", "block"])
def test_what_is_no_address_is_refused(run, name):
    result = run("addresses", name, "yamada")

    assert result.exit_code == 2
    assert "is not a mail address" in result.stderr
