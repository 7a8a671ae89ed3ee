"""Settings: defaults, and one sentence that names the variable for every bad value."""

from datetime import timedelta

import pytest

from cmc_webhook.settings import (
    DEFAULTS,
    SettingsError,
    doubtful_settings,
    from_env,
    inbound_from_env,
    unknown_variables,
)

OPEN = {"CMC_ALLOW_UNAUTHENTICATED": "true"}


def test_defaults():
    settings = from_env({"CMC_API_KEYS": "key"})

    assert settings.time_zone.key == "Asia/Tokyo"
    assert settings.collection == "mail_statuses"
    assert settings.database == "(default)"
    assert settings.retention is None


def test_lists_have_one_entry_a_line_without_blanks_and_carriage_returns():
    settings = from_env(
        {"CMC_API_KEYS": " one \r\n\r\n two\n", "CMC_BASIC_CREDENTIALS": "user:pass:word\r\n"}
    )

    assert settings.credentials["CMC_API_KEYS"] == ("one", "two")
    assert settings.credentials["CMC_BASIC_CREDENTIALS"] == ("user:pass:word",)


def test_every_variable_is_read():
    settings = from_env(
        {
            "CMC_API_KEYS": "k",
            "CMC_BASIC_CREDENTIALS": "u:p",
            "CMC_ALLOW_UNAUTHENTICATED": "TRUE",
            "CMC_TIME_ZONE": "UTC",
            "CMC_COLLECTION": "mails",
            "CMC_DATABASE": "cmc-db",
            "CMC_RETENTION_DAYS": "40",
            "CMC_LOG_UNSTORED": "true",
        }
    )

    assert settings.credentials["CMC_API_KEYS"] == ("k",)
    assert settings.time_zone.key == "UTC"
    assert settings.collection == "mails"
    assert settings.database == "cmc-db"
    assert settings.retention == timedelta(days=40)
    assert settings.log_unstored is True


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CMC_TIME_ZONE", "Asia/Tokio"),
        ("CMC_TIME_ZONE", "../etc/passwd"),
        ("CMC_TIME_ZONE", "+09:00"),
        ("CMC_RETENTION_DAYS", "0"),
        ("CMC_RETENTION_DAYS", "-1"),
        ("CMC_RETENTION_DAYS", "thirty"),
        ("CMC_RETENTION_DAYS", "1.5"),
        ("CMC_RETENTION_DAYS", "٣"),
        ("CMC_ALLOW_UNAUTHENTICATED", "maybe"),
        ("CMC_COLLECTION", "a/b"),
        ("CMC_COLLECTION", ".."),
        ("CMC_COLLECTION", "__mails__"),
        ("CMC_DATABASE", "Default"),
        ("CMC_BASIC_CREDENTIALS", "userpassword"),
        ("CMC_BASIC_CREDENTIALS", ":"),
        ("CMC_API_KEYS", "k\udcff"),
        ("CMC_API_KEYS", "\u9375"),
        ("CMC_API_KEYS", "\uff4b\uff45\uff59"),
        ("CMC_API_KEYS", "a\tb"),
        ("CMC_API_KEYS", '"key"'),
        ("CMC_API_KEYS", "'key'"),
        ("CMC_COLLECTION", "inbound_mails"),
        ("CMC_COLLECTION", "inbound_mails_quarantine"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_variable(variable, value):
    with pytest.raises(SettingsError) as caught:
        from_env(OPEN | {variable: value})

    sentence = str(caught.value)
    assert sentence.startswith(variable)
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence


def test_a_bad_credential_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        from_env({"CMC_BASIC_CREDENTIALS": "u:p\nhunter2"})

    assert "hunter2" not in str(caught.value)
    assert "entry 2" in str(caught.value)


@pytest.mark.parametrize("keys", [{}, {"CMC_API_KEYS": ""}, {"CMC_API_KEYS": " \r\n \n"}])
def test_no_credential_is_no_service(keys):
    with pytest.raises(SettingsError, match="CMC_API_KEYS"):
        from_env(keys)


def test_an_unknown_variable_is_told_with_the_nearest_known_one():
    environ = {"CMC_API_KEY": "k", "CMC_TIMEZONE": "UTC", "PATH": "/bin"} | dict.fromkeys(
        DEFAULTS, ""
    )

    first, second = unknown_variables(environ)

    assert "CMC_API_KEY " in first
    assert "CMC_API_KEYS?" in first
    assert "CMC_TIME_ZONE?" in second


def test_a_byte_order_mark_is_no_part_of_a_secret():
    settings = from_env({"CMC_API_KEYS": "\ufeffone\r\n", "CMC_BASIC_CREDENTIALS": "\ufeffu:p"})

    assert settings.credentials == {"CMC_API_KEYS": ("one",), "CMC_BASIC_CREDENTIALS": ("u:p",)}


def test_the_quarantine_of_sent_mail_is_no_collection_for_received_mail():
    environ = {"CMC_INBOUND_COLLECTION": "mail_statuses_quarantine", "CMC_ATTACHMENT_BUCKET": "abc"}

    with pytest.raises(SettingsError, match="CMC_INBOUND_COLLECTION"):
        inbound_from_env(OPEN | environ)


def test_keys_in_one_line_are_doubtful():
    [sentence] = doubtful_settings({"CMC_API_KEYS": "good\nKEY1,KEY2"})

    assert "entry 2" in sentence
    assert "KEY" not in sentence.replace("CMC_API_KEYS", "")
