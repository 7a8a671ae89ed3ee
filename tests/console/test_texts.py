"""The catalogue of texts: complete in both languages, used, and with one Japanese word a thing."""

import re
import string
from datetime import timedelta
from pathlib import Path

import pytest

from cmc_webhook.console.periods import NAMED
from cmc_webhook.reading.meanings import CAUSES, meaning, status_word
from cmc_webhook.reading.texts import LANGUAGES, Texts, load
from cmc_webhook.reasons import Reason
from cmc_webhook.status.document import CLASSES as DIAGNOSED
from cmc_webhook.status.events import BOUNCE_CODES, UNKNOWN_BOUNCE_CODE, Status
from tests.support.japanese import JAPANESE, misspelt, second_words

PACKAGE = Path(__file__).parents[2] / "cmc_webhook"
SOURCES = {
    path: path.read_text()
    for tool in ("reading", "console", "command_line")
    for path in (PACKAGE / tool).rglob("*")
    if path.suffix in (".py", ".html")
}
KEY = r"[a-z_]+\.[a-z0-9_]+"
CLASSES = {
    *(bounce_class for _, bounce_class in (*BOUNCE_CODES.values(), UNKNOWN_BOUNCE_CODE)),
    *DIAGNOSED.values(),
}
# The tables of which the code computes the key, and the words that each must have.
WORDS = {
    "status": {*Status, "forward_error"},
    "status_happened": {*Status, "forward_error"},
    "status_todo": {*Status},
    "cause": {*CAUSES},
    "cause_happened": {*CAUSES, "unknown_user_carrier"},
    "cause_todo": {*CAUSES, "unknown_user_carrier"},
    "class": CLASSES,
    "quarantine": {*Reason},
    "period": {*NAMED, "all", "own"},
    "duration": {"hours", "minutes", "seconds"},
}
COMPUTED = {f"received.{name}_file" for name in ("text", "html", "headers", "raw")}


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_placeholders():
    english, japanese = (load(language) for language in LANGUAGES)

    assert english.keys() == japanese.keys()
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

    assert load("en").keys() - written - computed - COMPUTED == set()


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


def test_the_codes_of_a_stop_have_cmcs_names():
    """Code 10 is CMC's own stop, 11 is the recipient's: to mix them up misinforms customers."""
    names = {code: Texts("ja").name("cause", cause) for code, (cause, _) in BOUNCE_CODES.items()}

    assert (names["10"], names["11"]) == ("配信停止アドレス", "購読解除アドレス")


def test_an_unknown_word_stands_for_itself():
    assert Texts("ja").name("cause", "new_cause") == "new_cause"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9e4, "25 h 0 min")],
)
def test_a_duration_has_its_two_largest_units(seconds, expected):
    assert Texts("en").duration(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize("status", [*Status, "new", ""])
@pytest.mark.parametrize("cause", [*CAUSES, "new", ""])
def test_every_mail_has_its_sentences(status, cause):
    found = meaning({"status": status, "bounce_cause": cause, "to_domain": "example.jp"})

    for key in (*found.happened, found.todo):
        assert Texts("ja").text(key)


def test_a_forward_error_never_says_that_the_mail_was_not_delivered():
    found = meaning({"status": "bounced", "bounce_cause": "forward_error"})

    assert found == (("status_happened.forward_error",), "cause_todo.forward_error")
    assert status_word("bounced", "forward_error") == "forward_error"
    assert status_word("succeeded", "forward_error") == "succeeded"


@pytest.mark.parametrize("domain", ["docomo.ne.jp", "ezweb.ne.jp", "au.com"])
def test_a_carrier_that_filters_may_not_mean_that_the_address_does_not_exist(domain):
    fields = {"status": "bounced", "bounce_cause": "unknown_user"}

    assert meaning(fields | {"to_domain": domain}).todo == "cause_todo.unknown_user_carrier"
    assert meaning(fields | {"to_domain": "example.jp"}).todo == "cause_todo.unknown_user"
