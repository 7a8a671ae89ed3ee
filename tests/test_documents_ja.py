"""
The Japanese documents say what the English ones say, in the same order and in one set of words.

A section is a heading with what follows it; the first section of one language is the first of the
other, and so on. Both have the same code, tables, lists, numbers and links.
"""

import re
from collections import Counter, defaultdict

import pytest

from cmc_webhook.reading.texts import load
from cmc_webhook.status.events import BOUNCE_CODES, Status
from tests.support.documents import ROOT, Document, code, names
from tests.support.japanese import misspelt, second_words

TRANSLATED = {
    "README.md": ".github/README.ja.md",
    ".github/DEPLOYMENT.md": ".github/DEPLOYMENT.ja.md",
    ".github/COST.md": ".github/COST.ja.md",
    **{
        f"cmc_webhook/{folder}/README.md": f"cmc_webhook/{folder}/README.ja.md"
        for folder in ("status", "console", "command_line", "deployment", "reconcile")
    },
}
ENGLISH_OF = {japanese: english for english, japanese in TRANSLATED.items()}
PAIRS = [(Document(english), Document(japanese)) for english, japanese in TRANSLATED.items()]
SECTIONS = [
    pytest.param(*sections, id=f"{japanese.path}-{number}")
    for english, japanese in PAIRS
    for number, sections in enumerate(zip(english.sections(), japanese.sections(), strict=False))
]

each_pair = pytest.mark.parametrize(("english", "japanese"), PAIRS, ids=lambda d: d.path)
each_japanese = pytest.mark.parametrize("japanese", [j for _, j in PAIRS], ids=lambda d: d.path)
each_section = pytest.mark.parametrize(("english", "japanese"), SECTIONS)

# A comment begins with its mark after white space, and ends with the line.
COMMENT_MARKS = {"sh": "#", "python": "#", "py": "#", "js": "//"}
DOCSTRING = re.compile(r'^ *""".*?"""\n', re.M | re.S)
URL = r"https?://[A-Za-z0-9./:#_-]*[A-Za-z0-9]"
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# Names that were seen on no page of CMC.
UNCONFIRMED = ("購読解除アドレス", "その他")
POLITE = ("です", "ます", "ました", "ません", "でした", "ください", "でしょうか")


@each_pair
def test_the_first_line_of_each_leads_to_the_other(english, japanese):
    for document, other in ((english, japanese), (japanese, english)):
        [link] = re.findall(r"^\[\S+\]\((.*)\)$", document.text.splitlines()[0])
        assert (document.file.parent / link).resolve() == other.file


@each_pair
def test_the_headings_are_the_same_in_number_level_and_order(english, japanese):
    levels = [[level for level, _ in document.headings()] for document in (english, japanese)]

    assert levels[0] == levels[1]
    for (_, original), (_, heading) in zip(english.headings(), japanese.headings(), strict=True):
        command = re.fullmatch("[a-z_]+", original)
        assert heading == original if command else re.search("[ぁ-んァ-ヶ一-龠]", heading)


def program(language, text):
    """Return the lines of a block that may not be translated, such as comments and output."""
    if language == "text" and "▼" not in text:  # held against what a command prints
        return []
    if "▼" in text:  # a drawing: the names of the files in it, in their order
        return re.findall(r"[\w/]+\.py|▼", text, re.A)
    if language in COMMENT_MARKS:
        text = re.sub(rf"(^|\s){COMMENT_MARKS[language]} .*$", r"\1", text, flags=re.M)
        text = DOCSTRING.sub("", text)
    return [line.rstrip() for line in text.splitlines()]


@each_section
def test_the_blocks_of_code_are_the_same_but_for_comments(english, japanese):
    blocks = [
        [(language, program(language, text)) for language, text in section.fences()]
        for section in (english, japanese)
    ]

    assert blocks[0] == blocks[1]


def cell_codes(section):
    return [[[set(names(cell)) for cell in row] for row in rows] for rows in section.tables()]


@each_section
def test_the_tables_have_the_same_rows_and_code(english, japanese):
    assert cell_codes(japanese) == cell_codes(english)
    for rows, translated in zip(english.tables(), japanese.tables(), strict=True):
        for row, other in zip(rows, translated, strict=True):
            for cell, translation in zip(row, other, strict=True):
                assert translation or not cell
                assert translation == cell or not NUMBER.fullmatch(cell)


def items(section):
    return len(re.findall(r"^ *(?:-|\d\.) ", section.prose, re.M))


def urls(section):
    return set(re.findall(URL, section.prose))


def numbers(section):
    prose = re.sub(rf"`[^`]*`|\]\([^)]*\)|{URL}|<[^>]*>", " ", section.prose)
    return set(NUMBER.findall(prose))


@each_section
def test_a_section_leaves_nothing_out(english, japanese):
    assert items(japanese) == items(english)
    assert urls(japanese) == urls(english)
    assert numbers(japanese) >= numbers(english)
    assert set(japanese.codes()) >= set(english.codes())


def test_no_code_is_named_in_japanese_alone():
    english = {code for document, _ in PAIRS for code in document.codes()}

    for _, japanese in PAIRS:
        assert set(japanese.codes()) - english == set()


def targets(section, document):
    """Return where the links of a section lead: the English document, and which heading of it."""
    found = Counter()
    for link in section.links():
        path, _, anchor = link.partition("#")
        file = (document.file.parent / path).resolve() if path else document.file
        name = str(file.relative_to(ROOT))
        if anchor and name in {*TRANSLATED, *ENGLISH_OF}:
            anchor = Document(name).anchors().index(anchor)
        found[ENGLISH_OF.get(name, name).replace(".ja.png", ".png"), anchor] += 1
    return found


@each_pair
def test_the_links_lead_to_the_same_headings(english, japanese):
    for original, translated in zip(english.sections(), japanese.sections(), strict=True):
        assert targets(translated, japanese) >= targets(original, english)


def prose_of(document):
    """Return the lines of the prose; a letter stands for each piece of code."""
    prose = re.sub(r"\]\([^)]*\)|<[^>]*>|[*\[\]]", "", re.sub(r"`[^`]*`", "A", document.prose))
    return [line.strip() for line in prose.splitlines()[1:]]


def explained():
    """Return each word of the code with the Japanese beside it, in brackets or in the next cell."""
    for _, japanese in PAIRS:
        yield from re.findall(r"`(\w+)`\(([^)、]+)", japanese.prose)
        for rows in japanese.tables():
            yield from ((code(row[0]), row[1].replace("`", "")) for row in rows)


def test_words_have_the_names_that_the_page_shows():
    shown = defaultdict(list)
    for key, text in load("ja").items():
        table, _, word = key.partition(".")
        if table in ("status", "cause", "class", "diagnosis", "quarantine"):
            shown[word].append(text)
    found = [(word, japanese) for word, japanese in explained() if word in shown]

    for word, japanese in found:
        # `content` is also a field of the quarantine; the log and the alerts have `sender_auth`.
        if word in ("content", "sender_auth"):
            continue
        assert japanese.startswith(tuple(shown[word])), word
    assert {word for word, _ in found} >= {
        *Status,
        *(word for pair in BOUNCE_CODES.values() for word in pair),
    }


@each_japanese
def test_one_thing_has_one_word(japanese):
    faults = {line: second_words(line) + misspelt(line) for line in prose_of(japanese)}

    assert {line: found for line, found in faults.items() if found} == {}


@each_japanese
def test_sentences_are_polite_and_short(japanese):
    cells = [cell for line in prose_of(japanese) for cell in line.split("|")]
    sentences = [s for cell in cells for s in re.findall("[^。]*。", cell)]

    endings = [re.sub(r"\([^()]*\)", "", sentence).removesuffix("。") for sentence in sentences]
    assert [sentence for sentence in endings if not sentence.endswith(POLITE)] == []
    assert [sentence for sentence in sentences if len(sentence) > 100] == []


@each_japanese
def test_what_is_not_confirmed_says_so(japanese):
    assert "校閲をまだ受けていません。" in japanese.prose
    for name in UNCONFIRMED:
        for follows in re.findall(rf"{name}(.{{4}})", japanese.prose):
            assert "未確認" in follows
