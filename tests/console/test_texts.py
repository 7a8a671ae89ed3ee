"""The catalogue of texts: complete in both languages, used, and with one Japanese word a thing."""

import ast
import re
import string
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from cmc_webhook.command_line import checks
from cmc_webhook.command_line.main import main as commands
from cmc_webhook.console.filters import MAILING
from cmc_webhook.console.periods import NAMED
from cmc_webhook.deployment import alerts
from cmc_webhook.deployment.costs import monthly_costs
from cmc_webhook.deployment.steps import LABELS, Wanted, table
from cmc_webhook.reading.cli import Option
from cmc_webhook.reading.counts import COLUMNS
from cmc_webhook.reading.meanings import (
    CAUSES,
    CLASSES,
    FILTERS,
    HELP,
    explain,
    is_bounce_alone,
    meaning,
    status_word,
)
from cmc_webhook.reading.quarantine import Obstacle
from cmc_webhook.reading.rebuilding import Left
from cmc_webhook.reading.texts import LANGUAGES, Texts, load
from cmc_webhook.reading.verdicts import UNKNOWN, UNREADABLE
from cmc_webhook.reasons import Reason
from cmc_webhook.reconcile.totals import FIGURES
from cmc_webhook.status import document
from cmc_webhook.status.diagnosis import Diagnosis, Receiver
from cmc_webhook.status.document import CLASSES as DIAGNOSED
from cmc_webhook.status.events import BOUNCE_CODES, UNKNOWN_BOUNCE_CODE, Status
from cmc_webhook.status.stop_rule import STOP_CAUSES
from tests.support.japanese import JAPANESE, misspelt, second_words
from tests.test_document import make_event

PACKAGE = Path(__file__).parents[2] / "cmc_webhook"
SOURCES = {
    path: path.read_text()
    for tool in ("reading", "console", "command_line", "devserver", "deployment", "reconcile")
    for path in (PACKAGE / tool).rglob("*")
    if path.suffix in (".py", ".html")
}
KEY = r"[a-z_]+\.[a-z0-9_]+"
# The carriers that may drop a mail after they have accepted it.
SUCCEEDED = {f"succeeded_{carrier}" for carrier in ("docomo", "au", "softbank")}
CARRIER = "unknown_user_carrier"
PARTS = ("happened", "customer", "todo")
# Every kind of step of a deployment.
STEPS = table(
    Wanted(
        project="p",
        region="us-central1",
        database="d",
        inbound=True,
        retention_days=1,
        alert_email="a@example.jp",
        mail_every=1,
    )
)
KINDS = ("total", "day", "subject", "receiver")
STATES = {"right", "missing", "different", "building", "unseen"}
SEARCHED = {"to", "to_domain", "api_data", "message_id"}


def below(command, path=""):
    """Yield every command with its path, the root as "main"."""
    yield path.strip().replace(" ", "_") or "main", command
    for name, each in getattr(command, "commands", {}).items():
        yield from below(each, f"{path} {name}")


COMMANDS = dict(below(commands))
# The tables of which the code computes the key, and the words that each must have.
WORDS = {
    "status": {*Status, "forward_error"},
    "status_happened": {*Status, *SUCCEEDED, "forward_error"},
    "status_customer": {*Status, *SUCCEEDED},
    "status_todo": {*Status, *SUCCEEDED},
    "cause": {*CAUSES},
    **{f"cause_{part}": {*CAUSES, CARRIER} for part in PARTS},
    "class": {*CLASSES},
    **{f"class_{part}": {*CLASSES} for part in PARTS},
    "diagnosis": {*Diagnosis},
    **{f"diagnosis_{part}": {*Diagnosis} for part in PARTS},
    "stop": {*STOP_CAUSES, UNKNOWN, UNREADABLE, "unsubscribed"},
    "receiver": {*Receiver},
    "numbers": {*COLUMNS},
    "help": {*HELP},
    "quarantine": {*Reason},
    "quarantine_todo": {*Reason},
    "not_replayed": {*Obstacle},
    "result": {"stored", "unchanged", "quarantined", "refused"},
    "gone": {"mails", "received", "quarantine", "back", "title"},
    "obstacle": {*Obstacle, "odd_bytes"},
    "left": {*Left},
    "command": {*COMMANDS},
    "option": {
        option.entry
        for command in COMMANDS.values()
        for option in command.params
        if isinstance(option, Option)
    },
    "check": {*checks._CHECKS},
    "period": {*NAMED, "all", "own"},
    "search": {f"{field}{end}" for field in SEARCHED for end in ("", "_begins")},
    "searched": SEARCHED,
    "duration": {"hours", "minutes", "seconds"},
    "step": {step.name for step in STEPS},
    "alert": {*alerts.FILTERS, alerts.SILENCE},
    "alert_todo": {*alerts.FILTERS, alerts.SILENCE},
    "cost": {*monthly_costs(1), "total"},
    "figure": {*FIGURES},
    "comparing": {"agree", "again", "missing", "moved", "unproven"},
    # Those that need words of their own.
    "hint": {"apis", "database", "function", "public"},
    "difference": {
        *LABELS,
        "DATASTORE_MODE",
        *("indexes", "email", "condition", "disabled", "channel"),
    },
}
COMPUTED = {
    *(f"{table}.{state}" for table in ("plan", "comparison") for state in STATES),
    *(f"received.{name}_file" for name in ("text", "html", "headers", "raw")),
    *(f"statistics.{part}_{kind}" for part in ("by", "rest") for kind in KINDS),
    *(f"statistics.verdict_{percent}" for percent in (0, 5, 10)),
    *(f"filter.{name}" for name in (*FILTERS, *MAILING, "q", "by", "last", "file")),
    *(f"reconcile.{name}" for name in ("status", "hour", "at_cmc", "not_here")),
    *(f"measured.end_{end}" for end in ("204", "no_key", "no_row", "repeated", "short")),
    *(f"devserver.{name}" for name in ("status", "received", "page")),
}
# Words that stand in the code by themselves, with the table in another place.
BY_WORD = ("column", "field", "look", "finding", "remedy")
# The sentences of click and of programs that know English alone are theirs in English.
CLICK = "click."
THEIRS = (CLICK, "sentence.")


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_placeholders():
    english, japanese = (load(language) for language in LANGUAGES)

    assert english.keys() == {key for key in japanese if not key.startswith(THEIRS)}
    for key, text in english.items():
        assert placeholders(text) == placeholders(japanese[key]), key


def test_every_text_that_is_asked_for_exists():
    asked = r"""\b(?:t|text)\(\s*["']([^"']+)["']\s*[,)]"""
    found = {key for source in SOURCES.values() for key in re.findall(asked, source)}

    assert len(found) > 50
    assert found <= load("en").keys()


def test_every_text_is_used():
    written = {
        key for source in SOURCES.values() for key in re.findall(f"[\"']({KEY})[\"']", source)
    }
    computed = {f"{table}.{word}" for table, words in WORDS.items() for word in words}

    words = {
        f"{table}.{word}"
        for table in BY_WORD
        for source in SOURCES.values()
        for word in re.findall(r'"([a-z_0-9]+)"', source)
    }
    zones = {f"finding.zone_{seen}" for seen in ("ids_late", "ids_early", "arrival_late")}
    zones.add(f"finding.zone_{checks._LIKELY}")

    assert load("en").keys() - written - computed - COMPUTED - words - zones == set()


def test_no_two_files_have_the_same_table():
    for language in LANGUAGES:
        files = PACKAGE.glob(f"*/texts/*{language}.toml")
        tables = Counter(table for file in files for table in tomllib.loads(file.read_text()))
        assert [table for table, count in tables.items() if count > 1] == []


def test_the_examples_of_a_command_are_the_same_in_both_languages():
    for key in load("en"):
        if key.startswith("command.") and key != "command.main":
            english, japanese = (
                re.findall("(?m)^(?:python|gcloud|CMC_|  --).*", load(language)[key])
                for language in LANGUAGES
            )
            assert english == japanese
            assert english


# What the local Firestore answers to its clients.
TO_CLIENTS = "The local Firestore cannot use its data file"


def english_sentences(path):
    """Return the sentences in a source that end with a full stop, with X for what is put in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            text = "".join(parts)
            if text.endswith((".", "?")) and " " in text and not text.startswith(TO_CLIENTS):
                yield text


@pytest.mark.parametrize("name", ["settings", "local_firestore/data_file"])
def test_what_the_functions_and_the_local_firestore_say_has_a_translation(name):
    said = [*english_sentences(PACKAGE / f"{name}.py")]

    assert said
    assert [each for each in said if Texts("ja").translated(each) == each] == []
    assert [each for each in said if Texts("en").translated(each) != each] == []


def gettext_sentences(path):
    """Return the sentences that the source at *path* gives to gettext."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in ("_", "ngettext")
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


# What click says of programs that are written wrongly, or of what no command here uses.
NOT_OF_OURS = (
    *("env var", "DeprecationWarning", "deprecated", "(dynamic)", "Could not determine name"),
    *("No options defined", "Arguments take exactly", "Name '{name}'", "Boolean option"),
    *("Value must be an iterable", "Takes {nargs}", "Missing {param_type}", "Missing parameter"),
    *("Invalid start character", "Argument {name!r} takes", "Option {name!r} requires {nargs}"),
    *("Choice({choices})", "does not match the format", "not a valid boolean", "not a valid UUID"),
    *("{len_type}", "{name} {filename!r} is a file", "is not readable", "is not executable"),
    *("does not exist", "directory", "path", "Positional arguments", "Choose from"),
    *("%(prog)s", "Show the version", "Confirm the action", "Do you want to continue?"),
)
CLICKS = ("core", "decorators", "exceptions", "formatting", "parser", "types")


def test_what_click_says_is_in_japanese():
    folder = Path(click.__file__).parent
    said = set().union(*(gettext_sentences(folder / f"{name}.py") for name in CLICKS))
    prompts = gettext_sentences(folder / "termui.py")
    japanese = {key.removeprefix(CLICK) for key in load("ja") if key.startswith(CLICK)}

    ours = {each for each in said if not any(part in each for part in NOT_OF_OURS)}
    assert ours - japanese == set()
    assert japanese - said - prompts == set()


@pytest.mark.parametrize("table", WORDS)
def test_a_table_of_words_has_every_word_and_no_other(table):
    keys = {key for key in load("en") if key.startswith(f"{table}.")}

    assert keys == {f"{table}.{word}" for word in WORDS[table]}


def test_no_japanese_text_has_a_second_word_for_a_thing():
    found = {key: second_words(text) + misspelt(text) for key, text in load("ja").items()}

    assert {key: words for key, words in found.items() if words} == {}


def test_no_english_text_claims_what_nobody_knows():
    claims = ("was delivered", "has arrived", "was read", "address is valid", "address is fine")
    allowed = "Whether it reached the inbox or was read is not known."
    texts = {key: text.replace(allowed, "") for key, text in load("en").items()}

    assert [key for key, text in texts.items() for claim in claims if claim in text] == []


def test_no_other_file_of_the_page_has_a_japanese_text():
    page = [text for path, text in SOURCES.items() if path.is_relative_to(PACKAGE / "console")]
    words = {word for text in page for word in re.findall(f"{JAPANESE}+", text)}

    assert words == {"日本語"}  # of the link that changes the language


# The names in CMC's error log; those of 11 and 99 were seen on no page of CMC.
CMC_NAMES = {
    "1": "ホスト不明",
    "2": "ユーザ不明",
    "3": "再送タイムアウト",
    "4": "受信拒否",
    "5": "容量オーバー",
    "6": "転送エラー",
    "7": "受信サーバエラー",
    "8": "サイズオーバー",
    "9": "アドレス形式エラー",
    "10": "配信停止アドレス",
    "11": "購読解除アドレス",
    "99": "その他",
}


def test_the_codes_have_cmcs_names():
    """Code 10 is CMC's own stop, 11 is the recipient's: to mix them up misinforms customers."""
    names = {code: Texts("ja").name("cause", cause) for code, (cause, _) in BOUNCE_CODES.items()}

    assert names == CMC_NAMES


# CMC's names of statuses and counts where its pages have one, and this project's other words.
JAPANESE_WORDS = {
    "status.queued": "受付済み",
    "status.deferred": "再送待ち",
    "status.succeeded": "送信完了",
    "status.failed": "送信失敗",
    "status.bounced": "不達",
    "status.forward_error": "転送エラー",
    "status.suppressed": "配信停止",
    "status.unknown": "不明",
    "class.hard": "恒久的なエラー(ハードバウンス)",
    "class.soft": "一時的なエラー(ソフトバウンス)",
    "class.policy": "送信側の要因による拒否",
    "class.suppressed": "CMCが送信せず",
    "class.recipient": "受信者の設定による拒否",
    "class.unknown": "判定できないエラー",
    "diagnosis.unknown_user": "宛先が存在しない",
    "diagnosis.recipient_filter": "受信者の設定で拒否",
    "diagnosis.suspended": "利用停止中のアドレス",
    "diagnosis.mailbox_full": "メールボックスの容量不足",
    "diagnosis.sender_auth": "送信ドメイン認証の不合格",
    "diagnosis.sender_reputation": "送信元の評価・ブラックリスト",
    "diagnosis.rate_limited": "送信量・受信量の制限",
    "diagnosis.content": "メールの内容・形式",
    "diagnosis.too_big": "サイズ超過",
    "diagnosis.receiver_trouble": "相手サーバーの障害・設定",
    "menu.dashboard": "ダッシュボード",
    "menu.quarantine": "要確認データ",
    "filter.status": "ステータス",
    "filter.cause": "エラー理由",
    "filter.to": "宛先アドレス",
    "search.message_id": "メッセージID: {text}",
    "search.api_data": "X-Api-Data(自社の番号): {text}",
    "filter.composition": "サーバ構成",
    "filter.since": "開始日時",
    "filter.until": "終了日時(この時刻は含まない)",
    "filter.clear": "条件をクリア",
    "mail.todo": "自社で行うこと",
    "mail.history": "配信の履歴",
    "mail.same_message": "このメールの宛先一覧",
    "entries.replay": "再処理",
    "column.status": "ステータス",
    "column.cause": "エラー理由",
    "column.to": "宛先アドレス",
    "field.message_id": "メッセージID",
    "field.server_composition": "サーバ構成",
    # Of CMC's statistics, but for the last two.
    "numbers.received": "受信数",
    "numbers.succeeded": "配信成功数",
    "numbers.failed": "配信エラー数",
    "numbers.suppressed": "配信停止数",
    "numbers.valid": "有効配信数",
    "numbers.error_rate": "エラー率",
    "numbers.undelivered_rate": "不達率",
    "statistics.title": "配信統計",
    "check.quarantine": "要確認データ",
}


def test_a_thing_has_its_japanese_word_on_the_page_and_in_the_commands():
    shown = {key: text for key, text in load("ja").items() if key in JAPANESE_WORDS}

    assert shown.items() <= JAPANESE_WORDS.items()
    assert len(shown) > 40  # a text may go with what showed it


def test_what_the_receiver_the_sender_and_cmc_stop_has_three_words():
    """To mix them up tells a customer that he wished what CMC or we have done."""
    texts = Texts("ja")

    assert "配信停止" in texts.name("cause", "blocked_address")
    assert "購読解除" in texts.name("cause", "unsubscribed_address")
    assert "配信停止" not in texts.text("cause_customer.unsubscribed_address")
    assert "購読解除" not in texts.text("cause_customer.blocked_address")


def test_an_unknown_word_stands_for_itself():
    assert Texts("ja").name("cause", "new_cause") == "new_cause"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9e4, "25 h 0 min")],
)
def test_a_duration_has_its_two_largest_units(seconds, expected):
    assert Texts("en").duration(timedelta(seconds=seconds)) == expected


TOKYO = ZoneInfo("Asia/Tokyo")
AT = datetime(2025, 1, 25, 5, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [*Status, "new", ""])
@pytest.mark.parametrize("domain", ["example.jp", "docomo.ne.jp", "au.com", "softbank.ne.jp"])
def test_every_mail_has_its_sentences(language, status, domain):
    fields = {"status": status, "to_domain": domain, "status_at": AT}
    every = (
        {"diagnosis": diagnosis, "bounce_cause": cause, "bounce_class": bounce_class}
        for diagnosis in ("", *Diagnosis, "new")
        for cause in ("", *CAUSES, "new")
        for bounce_class in ("", "hard", "new")
    )

    for each in every:
        found = explain(fields | each, Texts(language), TOKYO)
        for text in found[:3]:
            assert text
            assert not re.search("[{}]", text)


def test_a_forward_error_never_says_that_the_mail_was_not_delivered():
    found = meaning({"status": "bounced", "bounce_cause": "forward_error"})

    assert found == (
        ("status_happened.forward_error",),
        ("cause_customer.forward_error",),
        "cause_todo.forward_error",
    )
    assert status_word("bounced", "forward_error") == "forward_error"
    assert status_word("succeeded", "forward_error") == "succeeded"


STAGES = ("", " (in reply to RCPT TO command)", " (in reply to end of DATA command)")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("code", ["2", "4", "99"])
@pytest.mark.parametrize(
    ("domain", "reply", "carrier"),
    [
        ("docomo.ne.jp", "550 Unknown user a@docomo.ne.jp", "docomo"),
        ("ezweb.ne.jp", "550 <a@ezweb.ne.jp>: User unknown", "au"),
        ("au.com", "550 <a@au.com>: User unknown", "au"),
        ("softbank.ne.jp", "550 Invalid recipient: <a@softbank.ne.jp>", ""),
    ],
)
def test_at_docomo_and_au_an_unknown_user_may_be_a_filter(stage, code, domain, reply, carrier):
    event = make_event("bounces", status=code, to=f"a@{domain}", reason=reply + stage)
    found = explain(document.fold({}, [event]), Texts("en"), TOKYO)

    if carrier:
        expected = "cannot" if not stage or "RCPT" in stage else "settings rejected"
        told_apart = "the response alone does not tell which" not in found.happened
        assert told_apart == (expected != "cannot")
        assert "answered that the address does not exist. Other" not in found.happened
        assert "Do not delete the address" in found.todo
        assert 'allow mail from "example.com"' in found.customer or "Please add" in found.customer
        assert found.links[0].text.startswith(carrier)
    else:
        assert "does not exist" in found.happened


def test_a_diagnosis_says_more_than_the_cause():
    fields = {"status": "bounced", "bounce_cause": "unknown_user", "to_domain": "docomo.ne.jp"}

    assert meaning(fields | {"bounce_code": "2"}).todo == "cause_todo.unknown_user_carrier"
    assert meaning(fields | {"diagnosis": "mailbox_full"}).todo == "diagnosis_todo.mailbox_full"


@pytest.mark.parametrize("carrier", sorted(SUCCEEDED))
def test_a_success_at_a_carrier_may_be_dropped(carrier):
    domain = {"docomo": "docomo.ne.jp", "au": "ezweb.ne.jp", "softbank": "i.softbank.jp"}
    fields = {"status": "succeeded", "succeeded_at": AT, "from": "Shop <info@shop.example>"}
    fields["to_domain"] = domain[carrier.removeprefix("succeeded_")]

    found = explain(fields, Texts("ja"), TOKYO)

    assert meaning(fields).customer == (f"status_customer.{carrier}",)
    assert found.customer.startswith("2025年01月25日14:03に")
    assert "「shop.example」" in found.customer
    assert "アドレスを変更・削除しないでください。" in found.todo
    assert "2026-11" in found.links[0].text


def test_no_text_says_whether_the_address_may_be_mailed():
    words = {"ja": ("送信対象", "送信を止め"), "en": ("stop sending", "may be mailed")}

    for language, forbidden in words.items():
        texts = {k: text for k, text in load(language).items() if "_todo." in k}
        assert [k for k, text in texts.items() for w in forbidden if w in text.lower()] == []


def test_nothing_technical_is_told_to_the_customer():
    technical = "SMTP|SPF|DKIM|DMARC|DNS|IP|CMC|バウンス|ハード|ソフトバウンス|bounce|webhook"
    for language in LANGUAGES:
        texts = {key: text for key, text in load(language).items() if "_customer." in key}
        assert [key for key, text in texts.items() if re.search(rf"(?:{technical})", text)] == []


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        (["2"], True),
        (["10"], True),
        (["queued", "2"], False),
        (["parked", "2"], False),
        (["succeeded"], False),
    ],
)
def test_a_bounce_alone_has_no_delivery_event(words, alone):
    events = [
        make_event("bounces" if word.isdigit() else "deliveries", status=word) for word in words
    ]

    fields = document.fold({}, events)
    assert is_bounce_alone(fields) == alone
    if "parked" not in words:  # without the history, a delivery of an unknown word is not seen
        assert is_bounce_alone({**fields, "events": []}) == alone


def test_the_classes_are_those_of_the_documents():
    by_code = {each for _, each in (*BOUNCE_CODES.values(), UNKNOWN_BOUNCE_CODE)}

    assert {*CLASSES} == by_code | {*DIAGNOSED.values()}
