"""Why a record, a body or a mail is in quarantine instead of a document. Pure."""

from enum import StrEnum


class Reason(StrEnum):
    """The field ``why`` of a quarantine entry; the READMEs of both functions explain each."""

    # A record of the status function.
    MISSING_MESSAGE_ID = "missing_message_id"
    MISSING_RECIPIENT = "missing_recipient"
    UNREADABLE_CREATED = "unreadable_created"
    FUTURE_CREATED = "future_created"
    NOT_UTF8 = "not_utf8"
    UNREADABLE_FIELD = "unreadable_field"
    NOT_AN_OBJECT = "not_an_object"
    NOT_SUPPORTED_YET = "not_supported_yet"
    UNKNOWN_LIST = "unknown_list"
    NO_LIST = "no_list"
    UNREADABLE_DOCUMENT = "unreadable_document"
    UNREADABLE_ADDRESS = "unreadable_address"
    # A body of the status function.
    NO_ENVELOPE = "no_envelope"
    # Either function.
    REFUSED_BY_FIRESTORE = "refused_by_firestore"
    # A received mail.
    NOT_A_MAIL = "not_a_mail"
    UNKNOWN_FIELDS = "unknown_fields"
    UNREADABLE_BODY = "unreadable_body"
    UNREADABLE_MULTIPART = "unreadable_multipart"
    REPEATED_FIELD = "repeated_field"
    UNREADABLE_HEADERS = "unreadable_headers"
    UNREADABLE_ENVELOPE = "unreadable_envelope"
    UNREADABLE_MAIL = "unreadable_mail"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_LONG = "too_long"
