"""Text in columns: wide letters, lines that fit, and no end of text."""

import pytest

from cmc_webhook.reading.table import paragraphs, printable, width, wrap


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("one two three four", ["one two", "three four"]),
        ("one two th  four", ["one two th", "four"]),
        ("one two thr    ", ["one two", "thr"]),
        ("件名がとても長い", ["件名がとて", "も長い"]),
        ("   件名がとても長い", ["   件名が", "とても長い"]),
        ("            x", ["          ", "x"]),
    ],
)
def test_lines_are_broken_where_they_can_be(text, lines):
    assert list(wrap(text, 10)) == lines


def test_a_line_of_a_megabyte_is_no_trouble():
    lines = list(paragraphs("長い文。" * 100_000))

    assert sum(map(len, lines)) == 400_000


def test_letters_are_as_wide_as_they_look():
    assert width("件名") == 4
    assert width("e\u0301") == 1  # a combining accent
    assert width("☺\ufe0f") == 1  # a variation selector
    assert width("ｶﾀｶﾅ") == 4


def test_what_is_printed_is_one_line_and_harmless():
    assert printable("a\tb\r\nc\x85d\u2028e") == "a b  c d e"
    assert printable("\x1b[2J\u202e\u200b\x9b") == "\ufffd[2J\ufffd\ufffd\ufffd"
    assert printable(None) == "None"


@pytest.mark.parametrize("emoji", ["🙇‍♂️", "👩‍💻", "\U0001fadf", "☎️"])
def test_joined_and_new_emoji_stay_whole(emoji):
    assert printable(emoji) == emoji


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\x1b", "\u200f"])
def test_what_turns_the_writing_around_does_not(character):
    assert printable(character) == "\ufffd"
