"""Commands speak the language of the locale, in any terminal, and help without Google's client."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook import __version__
from cmc_webhook.command_line.main import main
from cmc_webhook.reading.language import locale_language
from cmc_webhook.reading.table import width, wrap
from cmc_webhook.reading.times import read_time
from tests.support.processes import ROOT
from tests.support.records import make_record

PACKAGE = ROOT / "cmc_webhook"
# English that Japanese output may have: names, options, commands to copy, replies of servers.
NAMES = re.compile(
    r"python -m cmc_webhook .*|使い方: .*|gcloud .*|--?[a-z-]+|https?://\S+|\[[a-z|]+\]|[\w.@<>/:{}-]*[\d_@:/][^\s、。]*"
    r"|X-Api-Data|Return-Path|Google|Firestore|CMC|JSON( Lines)?|CSV|Ctrl-C|INTEGER RANGE|[A-Z_|:]+"
)
WORDS = re.compile(r"[A-Za-z']+(?: [A-Za-z']+){2,}")


@pytest.fixture
def given(client, firestore_address):
    """The environment of a command on the test's own project, without a locale."""
    environ = {name: value for name, value in os.environ.items() if name not in LOCALE}
    return environ | {
        "FIRESTORE_EMULATOR_HOST": firestore_address,
        "GOOGLE_CLOUD_PROJECT": client.project,
        "COLUMNS": "100",
    }


LOCALE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "LC_CTYPE", "PYTHONIOENCODING")


def command(environ, *arguments, **changes):
    """Run a command as a process."""
    return subprocess.run(
        [sys.executable, "-m", "cmc_webhook", *arguments],
        cwd=ROOT,
        env=environ | changes,
        capture_output=True,
    )


@pytest.fixture
def mails(post, function):
    """A mail that bounced, one that waits, a bad record, and a body that is none of CMC's."""
    gone = make_record(messageId="<gone@example.com>", to="gone@example.jp", subject="お知らせ🎉")
    post([make_record(subject="ご案内")], [gone | {"status": "2", "reason": "550 no such user"}])
    post([make_record(to="", subject="宛先なし")])
    function.post("/", data=b"hello=world")


# Which language


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja"}, "ja"),
        ({"LANG": "ja_JP.eucJP"}, "ja"),
        ({"LANG": "ja_JP@modifier"}, "ja"),
        ({"LANG": "jam_JM.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ja:en"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LANGUAGE": "en_US"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LANGUAGE": "fr"}, "ja"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:ja_JP"}, "ja"),
        ({"LANGUAGE": "ja", "LC_ALL": "C"}, "en"),
        ({"LANGUAGE": "ja"}, "en"),
    ],
)
def test_the_language_is_chosen_as_gettext_does(monkeypatch, environ, language):
    for name in LOCALE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert locale_language() == language


@pytest.mark.parametrize("arguments", [["--lang", "ja", "list"], ["list", "--lang=ja"]])
def test_lang_overrides_wherever_it_stands(run, arguments):
    assert "まだ1件も受信していません。" in run(*arguments).stderr
    assert "No mails yet" in run("list").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--help", "--lang", "ja"], "使い方: "),
        (["list", "--nope", "--lang", "ja"], "エラー: '--nope'というオプションはありません。"),
        (["lst", "--lang", "ja"], "エラー: 'lst'というコマンドはありません。 'list'ですか。"),
        (["--lang", "ja", "show"], "エラー: 指定が必要な引数: 'ADDRESS|ID'"),
        (["list", "--limit", "0", "--lang", "ja"], "'--limit'の値が正しくありません"),
        (["list", "--since", "x", "--lang", "ja"], "「x」は日時として読み取れません"),
        (["list", "--status", "x", "--lang", "ja"], "「x」は次のどれでもありません: 受付済み"),
        (["send", "queued", "--code", "2", "--lang", "ja"], "--codeはSTATUSがbounceのとき"),
    ],
)
def test_help_and_wrong_usage_are_in_the_language_too(run, arguments, said):
    assert said in run(*arguments).output


# What each command says


SAYING = {
    "list": (["list"], ["不達", "受付済み", "ステータス", "件名"], ["Bounced", "Queued", "status"]),
    "nothing": (["list", "--to", "a@b"], ["条件に合うメールはありません"], ["No mails match"]),
    "show": (["show", "<gone@example.com>"], ["エラー理由", "ユーザ不明"], ["bounce_cause"]),
    "card": (["show", "gone@example.jp"], ["何が起きたか"], ["What happened"]),
    "no mail": (
        ["show", "0000-none"],
        ["0000-noneのメールはありません。"],
        ["There is no"],
    ),
    "stats": (["stats"], ["条件に合うメールはありません"], ["No mails match"]),
    "quarantine": (["quarantine", "list"], ["宛先アドレスがない", "理由"], ["no usable recip"]),
    "delete": (["quarantine", "delete"], ["IDを1つ以上"], ["Name one or more IDs"]),
    "inbound": (["inbound", "list"], ["受信したメールはありません。"], ["No mail has been"]),
    "rebuild": (["rebuild"], ["ドキュメント2件を読み取りました。"], ["Documents read: 2"]),
    "doctor": (["doctor"], ["問題が1件あります。", "要確認データが2件"], ["Problems: "]),
    "reconcile": (["reconcile", "--store"], ["--bounces"], ["--bounces and --day are two runs"]),
    "replay": (["replay", "-"], ["レコード: 受信0件"], ["Records: 0 received"]),
}


@pytest.mark.parametrize("case", SAYING)
def test_every_command_speaks_both_languages(given, run, mails, case):
    arguments, japanese, english = SAYING[case]

    done = command(given, *arguments, LANG="ja_JP.UTF-8")
    also = run(*arguments)

    said = (done.stdout + done.stderr).decode()
    assert [word for word in japanese if word not in said] == [], said
    assert [word for word in english if word not in also.output] == [], also.output
    assert done.returncode == also.exit_code
    assert WORDS.findall(NAMES.sub("", said.replace("550 no such user", ""))) == []


def test_what_programs_read_is_the_same_in_both_languages(run, mails):
    for arguments in (
        ["list", "--json"],
        ["show", "gone@example.jp", "--json"],
        ["stats", "--days", "30", "--json"],
        ["quarantine", "list", "--json"],
        ["export"],
        ["export", "--format", "jsonl"],
    ):
        # Firestore sends the fields of a document in any order.
        english, japanese = (
            sorted(run(*arguments, "--lang", language).stdout) for language in ("en", "ja")
        )
        assert english == japanese != []


def test_quiet_leaves_out_the_place_alone(run, mails):
    for arguments in (["list"], ["quarantine", "list"], ["doctor"]):
        loud, quiet = run(*arguments), run(*arguments, "-q")
        assert loud.stdout == quiet.stdout
        assert loud.stderr.startswith("Firestore on ")
        assert quiet.stderr == ""


def test_the_version(run):
    assert run("--version").stdout == f"cmc_webhook {__version__}\n"


# Help


HELP = """
import sys
from click.testing import CliRunner
from cmc_webhook.command_line.main import main
def below(command, path):
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from below(each, [*path, name])
for path in below(main, []):
    for language in ("en", "ja"):
        helped = CliRunner().invoke(main, [*path, "--help", "--lang", language])
        assert helped.exit_code == 0 and helped.stdout, (path, helped.output)
wrong = CliRunner().invoke(main, ["list", "--since", "x"])
assert wrong.exit_code == 2, wrong.output
heavy = ("google.api_core", "google.auth", "google.cloud.firestore", "grpc", "pydantic", "flask")
print([name for name in heavy if name in sys.modules])
"""


def test_help_imports_neither_googles_client_nor_the_page(given):
    done = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, env=given, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("module", ["cmc_webhook", "cmc_webhook.console", "cmc_webhook.devserver"])
def test_each_way_to_start_helps_in_japanese(given, module):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        cwd=ROOT, env=given | {"LANG": "ja_JP.UTF-8"}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout.startswith(f"使い方: python -m {module.replace('.', ' ')} ")
    assert "google" not in done.stderr
    assert "grpc" not in done.stderr


def below(each, path=()):
    yield list(path)
    for name, inner in getattr(each, "commands", {}).items():
        yield from below(inner, (*path, name))


@pytest.mark.parametrize("path", [*below(main)], ids=" ".join)
def test_help_in_japanese_fits_80_columns_and_has_no_english_sentence(run, path):
    helped = run(*path, "--help", "--lang", "ja").stdout

    assert helped.startswith("使い方: ")
    assert max(map(width, helped.splitlines())) <= 80
    assert WORDS.findall(NAMES.sub("", helped)) == []


def test_japanese_lines_break_anywhere_but_before_a_full_stop():
    assert list(wrap("あいうえお。かき", 10)) == ["あいうえ", "お。かき"]
    assert list(wrap("Firestoreを使う", 10)) == ["Firestore", "を使う"]
    assert list(wrap("one two three", 8)) == ["one two", "three"]


# Terminals


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "euc_jp", "latin-1"])
@pytest.mark.parametrize("arguments", [["list"], ["show", "gone@example.jp"]], ids=" ".join)
def test_what_a_terminal_cannot_show_is_replaced(given, mails, encoding, arguments):
    done = command(given, *arguments, PYTHONIOENCODING=encoding, LANG="ja_JP")

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    shown = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)  # click's choice
    assert ("お知らせ" in shown) == (encoding != "latin-1")
    assert ("🎉" in shown) == (encoding == "ascii")


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "ja_JP.eucJP", "ja_JP.UTF-8", "none"])
def test_no_locale_makes_a_traceback(given, mails, locale):
    # Python would rather use UTF-8 in the locale C.
    strict = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    done = command(given, "list", LC_ALL=locale, **strict)

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_json_and_csv_lose_no_character_in_any_terminal(given, mails, encoding):
    listed = command(given, "list", "--json", PYTHONIOENCODING=encoding).stdout
    lines = command(given, "export", "--format", "jsonl", PYTHONIOENCODING=encoding).stdout
    table = command(given, "export", PYTHONIOENCODING=encoding).stdout

    read = [json.loads(line) for line in listed.decode(encoding).splitlines()]
    assert "お知らせ🎉" in {mail["subject"] for mail in read}
    assert read == [json.loads(line) for line in lines.decode().splitlines()]
    assert table.startswith(b"\xef\xbb\xbf")
    assert "お知らせ🎉" in table.decode()


@pytest.mark.parametrize("arguments", [["list", "--help"], ["list"], ["export"]])
def test_a_pipe_that_nobody_reads_is_left_quietly(given, mails, arguments):
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "cmc_webhook", *arguments, *(["-q"] * ("--help" not in arguments))],
        cwd=ROOT, env=given, stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a shell that runs this in the background makes every program ignore Ctrl-C",
)
@pytest.mark.parametrize("imported", ["click", "cmc_webhook.reading.statuses", "google.api_core"])
def test_ctrl_c_during_the_imports_leaves_no_traceback(given, tmp_path, imported):
    """A module of this name that is found first sends the signal when it is imported."""
    stop = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == {imported!r}:\n"
        f"            exec({stop!r})\n"
        "sys.meta_path.insert(0, Finder)\n"
    )

    done = command(given, "list", PYTHONPATH=str(tmp_path))

    assert done.returncode in (-signal.SIGINT, 130)  # a shell says 130 of both
    assert b"Traceback" not in done.stderr


# Words and times as people write them


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--status", ["bounced", "Bounced", "BOUNCED", "不達", " 不達 "]),
        ("--cause", ["unknown_user", "Unknown user", "ユーザ不明", "ﾕｰｻﾞ不明"]),
    ],
)
def test_a_word_of_the_documents_or_what_it_is_called(run, mails, option, words):
    for word in words:
        [mail] = run("list", "--json", option, word).stdout.splitlines()
        assert json.loads(mail)["message_id"] == "<gone@example.com>"


TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 27, 3, 30, 5, tzinfo=UTC)  # 12:30:05 in Tokyo


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27", "2026-11-26T15:00"),
        ("2026/11/27", "2026-11-26T15:00"),
        ("2026/1/7", "2026-01-06T15:00"),
        ("11/27", "2026-11-26T15:00"),
        ("11/28", "2025-11-27T15:00"),
        ("1/2", "2026-01-01T15:00"),
        ("11-27 9:05", "2026-11-27T00:05"),
        ("2026-11-27 09:00", "2026-11-27T00:00"),
        ("2026-11-27 09:00:05", "2026-11-27T00:00:05"),
        ("2026/11/27 9:00", "2026-11-27T00:00"),
        ("２０２６／１１／２７　９：００", "2026-11-27T00:00"),
        ("2026-11-27T09:00:00+09:00", "2026-11-27T00:00"),
        ("2026-11-27T00:00:00Z", "2026-11-27T00:00"),
        ("2026/11/27 0:00+00:00", "2026-11-27T00:00"),
        ("today", "2026-11-26T15:00"),
        ("今日", "2026-11-26T15:00"),
        ("本日", "2026-11-26T15:00"),
        ("Yesterday", "2026-11-25T15:00"),
        ("昨日", "2026-11-25T15:00"),
        (" 昨日\n", "2026-11-25T15:00"),
        ("1d", "2026-11-26T03:30:05"),
        ("2h", "2026-11-27T01:30:05"),
        ("30m", "2026-11-27T03:00:05"),
        ("20261127", "2026-11-26T15:00"),
    ],
)
def test_times_are_read_as_people_write_them(text, expected):
    assert read_time(text, TOKYO, NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "27/11", "2026/13/1", "2026/2/30", "11/27/2026", "2026/11", "11/27 9"),
        *("99999999999d", f"{'9' * 5000}d", "-1d", "1.5h", "1w", "30000d", "1999-01-01"),
        *("2026-11-27 25:00", "9:00", "2026/11/27 9:00 pm", "0001-01-01T00:00+09:00"),
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 (any text that says so)
        read_time(text, TOKYO, NOW)


def test_today_begins_at_midnight_of_the_zone_even_where_clocks_change():
    new_york, night = ZoneInfo("America/New_York"), datetime(2026, 11, 1, 12, tzinfo=UTC)

    assert read_time("today", new_york, night) == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert read_time("yesterday", new_york, night) == datetime(2026, 10, 31, 4, tzinfo=UTC)


# The source


# A sentence for programmers, or the beginning of what is no text of ours.
SENTENCE = re.compile(r"[A-Za-z,']{2,} [a-z]+ [a-z]+")
ALLOWED = ("attachment; filename", "default-src", "gcloud firestore ", "Show this message")


def sentences(path):
    """Return the texts of a source that look like a sentence, docstrings apart."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    raised = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") == "ValueError"  # its text is shown to nobody
        for inner in ast.walk(node)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings | raised
        and SENTENCE.search(node.value)
        and not node.value.startswith(ALLOWED)
    ]


@pytest.mark.parametrize("room", ["command_line", "console", "devserver", "reading"])
def test_no_source_has_a_sentence_for_people(room):
    found = {path.name: sentences(path) for path in sorted((PACKAGE / room).glob("*.py"))}

    assert {name: each for name, each in found.items() if each} == {}
