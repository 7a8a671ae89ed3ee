"""What statuses, causes and codes mean and what to do, in both languages. Pure."""

from collections.abc import Mapping
from typing import Any

from cmc_webhook.reading.meanings import STATUSES as ENGLISH
from cmc_webhook.status.events import BOUNCE_CODES, UNKNOWN_BOUNCE_CODE, Status

Texts = tuple[str, str]

STATUSES: Mapping[str, Texts] = {
    Status.QUEUED: ("Queued", "受付済み"),
    Status.DEFERRED: ("Deferred", "再送待ち"),
    Status.SUCCEEDED: ("Succeeded", "送信完了"),
    Status.FAILED: ("Failed", "送信失敗"),
    Status.BOUNCED: ("Bounced", "エラーメール"),
    Status.SUPPRESSED: ("Suppressed", "送信停止"),
    Status.UNKNOWN: ("Unknown", "不明"),
}
_JAPANESE = {
    Status.QUEUED: "CMCがメールを受け付けました。その後の報告はまだありません。",
    Status.DEFERRED: "一時的なエラーのため、CMCが再送を待っています。",
    Status.SUCCEEDED: "相手サーバーがメールを受理しました。開封を示すものではありません。",
    Status.FAILED: "相手サーバーとのSMTP通信が失敗しました。",
    Status.BOUNCED: "メールは届かず、CMCがエラーの原因を分類しました。",
    Status.SUPPRESSED: "CMCはこのメールを送信しませんでした。",
    Status.UNKNOWN: "このバージョンでは判別できない状況です。",
}
_BOUNCED = "The mail did not arrive, and CMC has classified the error."

CAUSES: Mapping[str, Texts] = {
    "unknown_host": ("Unknown host", "ホスト不明"),
    "unknown_user": ("Unknown user", "宛先不明"),
    "resend_timeout": ("Resend time-out", "再送タイムアウト"),
    "rejected": ("Rejection", "受信拒否"),
    "over_capacity": ("Over capacity", "容量超過"),
    "forward_error": ("Forward error", "転送エラー"),
    "receiving_server_error": ("Receiving server error", "受信サーバーエラー"),
    "oversize": ("Oversize", "サイズ超過"),
    "address_format_error": ("Address format error", "アドレス形式エラー"),
    "blocked_address": ("Blocked address", "送信停止アドレス"),
    "unsubscribed_address": ("Unsubscribed address", "配信停止アドレス"),
    "other": ("Other", "その他"),
    "unknown": ("Unknown code", "未知のコード"),
}

# By the table of CMC's error statuses: what the cause is, and what to do about it.
ADVICE: Mapping[str, Texts] = {
    "unknown_host": (
        "The domain is not found in DNS. Correct a typing error, else stop sending to this"
        " address; as a DNS outage looks the same, one later try by hand is fair.",
        "ドメインがDNSで見つかりません。入力誤りを直すか、送信を止めてください。"
        "DNS障害でも同じ結果になるため、後で一度手動で試す余地があります。",
    ),
    "unknown_user": (
        "The address does not exist. Stop sending to it at once.",
        "アドレスが存在しません。すぐに送信を止めてください。",
    ),
    "resend_timeout": (
        "The server could not be reached, or put the mail off until CMC gave up. That says nothing"
        " about the address: send again later, and stop only if it happens on several days.",
        "接続できないか、一時エラーが続いたためCMCが再送を終えました。アドレスの良否は不明です。"
        "後日再送し、数日続く場合に限り送信を止めてください。",
    ),
    "rejected": (
        "The other side refused the mail by its policy. Look at content, reputation, SPF and DKIM"
        " of the sender; the address is fine.",
        "相手側のポリシーで拒否されました。本文、送信元の評価、SPF、DKIMを確認してください。"
        "アドレスは有効です。",
    ),
    "over_capacity": (
        "The mailbox or disk is full. It may work later; stop after several such answers.",
        "メールボックスまたはディスクの容量超過です。後日届く可能性があります。"
        "繰り返す場合は送信を止めてください。",
    ),
    "forward_error": (
        "The address to which the mail was forwarded failed. The recipient may have the mail.",
        "転送先のアドレスでエラーになりました。元の宛先には届いている可能性があります。",
    ),
    "receiving_server_error": (
        "The receiving server is set up wrongly. It may work later; if it goes on for days, stop"
        " sending to this address.",
        "受信サーバーの設定誤りです。後日届く可能性があります。"
        "何日も続く場合は送信を止めてください。",
    ),
    "oversize": (
        "The mail is too big for the other side. Send a smaller one; the address is fine.",
        "メールが大きすぎます。小さくして送ってください。アドレスは有効です。",
    ),
    "address_format_error": (
        "The address has not the form of a mail address. Never send to it unchanged.",
        "アドレスの形式が正しくありません。修正せずに送らないでください。",
    ),
    "blocked_address": (
        "CMC did not send, because the address failed before. If it is good now, lift the block in"
        " CMC.",
        "過去のエラーのためCMCが送信しませんでした。有効なアドレスなら、CMCで停止を解除できます。",
    ),
    "unsubscribed_address": (
        "CMC did not send, because the recipient has unsubscribed. Respect it.",
        "受信者が配信停止を希望したため送信しませんでした。その意思を尊重してください。",
    ),
    "other": (
        "A permanent error of no class. Read the reason; stop sending after a second one.",
        "分類できない恒久的なエラーです。相手サーバーの応答を確認し、"
        "再発したら送信を止めてください。",
    ),
    "unknown": (
        "A code that this version does not know. Read the reason, and do not stop sending for it.",
        "未知のコードです。相手サーバーの応答を確認してください。これだけで送信を止めないでください。",
    ),
}
QUARANTINED: Mapping[str, Texts] = {
    "missing_message_id": ("no usable message id", "Message-IDがない"),
    "missing_recipient": ("no usable recipient", "宛先がない"),
    "unreadable_created": ("no usable time in created", "createdの時刻が読めない"),
    "unreadable_field": ("a list or object where a text should be", "文字列であるべき項目が不正"),
    "not_an_object": ("the record is no JSON object", "レコードがJSONオブジェクトでない"),
    "not_supported_yet": ("a record of blocks", "blocksのレコード(未対応)"),
    "unknown_list": ("a list that is not known", "未知のリスト"),
    "no_list": ("no list in the event", "リストがない"),
    "no_envelope": ("no event of CMC in the body", "CMCのイベントではない"),
    "refused_by_firestore": ("Firestore refused the document", "Firestoreが拒否した"),
    "unreadable_document": (
        "the held document was changed and cannot be read",
        "既存のドキュメントが変更され読めない",
    ),
    # Of received mail
    "not_a_mail": ("a status, not a received mail", "受信メールではなく配信状況"),
    "unknown_fields": ("fields of no known provider", "既知のサービスの項目でない"),
    "unreadable_body": ("the body cannot be read", "本体が読めない"),
    "unreadable_multipart": ("the multipart form cannot be read", "マルチパート形式が読めない"),
    "repeated_field": ("a field of the form stands twice", "同じ項目が2つある"),
    "unreadable_headers": ("the headers cannot be read", "ヘッダーが読めない"),
    "unreadable_envelope": ("the envelope cannot be read", "エンベロープが読めない"),
    "unreadable_mail": ("the program failed on the mail", "プログラムがメールを処理できない"),
    "too_many_parts": ("too many parts", "パートが多すぎる"),
    "too_long": ("JSON that is too long", "JSONが長すぎる"),
}
_WAIT: Mapping[str, Texts] = {
    Status.QUEUED: (
        "Wait; if it stays, look into CMC's delivery log.",
        "お待ちください。変わらない場合はCMCの配信ログを確認してください。",
    ),
    Status.DEFERRED: ("Read the reason, and wait.", "理由を確認し、お待ちください。"),
    Status.SUCCEEDED: (
        "Nothing. If the recipient misses it, let them look into the spam folder.",
        "対応は不要です。届いていない場合は、迷惑メールフォルダーの確認を依頼してください。",
    ),
    Status.FAILED: (
        "Read the reason; the cause usually follows a second later.",
        "理由を確認してください。通常は直後に原因が通知されます。",
    ),
    Status.UNKNOWN: ("Read CMC's own word below.", "下のCMCの値を確認してください。"),
}


def label(status: str) -> Texts:
    """Return the word for *status*."""
    return STATUSES.get(status, STATUSES[Status.UNKNOWN])


def happened(status: str) -> Texts:
    """Return the sentence that says what *status* means."""
    known = Status(status) if status in [*Status] else Status.UNKNOWN
    english = _BOUNCED if known is Status.BOUNCED else ENGLISH[known]
    return english, _JAPANESE[known]


def cause_of(code: str) -> str:
    """Return the cause that belongs to a code."""
    return BOUNCE_CODES.get(code, UNKNOWN_BOUNCE_CODE)[0]


def advice(fields: Mapping[str, Any]) -> Texts:
    """Return what to do about the mail with these fields."""
    if cause := fields.get("bounce_cause"):
        return ADVICE.get(cause, ADVICE["unknown"])
    return _WAIT.get(fields.get("status", ""), _WAIT[Status.UNKNOWN])
