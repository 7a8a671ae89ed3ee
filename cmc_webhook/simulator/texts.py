"""Texts of the test events: subjects, addresses, and replies of other servers. Data only."""

SUBJECTS = (
    "【重要】パスワード再設定のご案内",
    "ご注文ありがとうございます(注文番号 4711)",
    "5月号のお知らせ",
    "商品を発送いたしました",
    "【再送】請求書送付のお知らせ(2025年5月分)",
    "会員登録が完了しました",
    "ご予約内容の確認",
    "本日23:59まで!夏の感謝セール開催中🎉",
    "お問い合わせを受け付けました",
    "メールアドレス変更のご確認",
    "Re: お見積りの件について",
    "システムメンテナンスのお知らせ",
)
SENDERS = ("info@example.com", "shop@example.co.jp", "no-reply@example.jp")
API_DATA = ("", "order-{:05}", "CAMPAIGN-7/{:05}", "会員-{:05}")
NAMES = ("tanaka", "suzuki", "sato", "yamada", "ito", "kobayashi", "Watanabe", "m-nakamura")
# All of them are reserved for examples; the numbers are relative frequencies.
DOMAINS = {
    "mail.example.com": 40,
    "docomo.example": 15,
    "softbank.example": 10,
    "example.co.jp": 15,
    "example.ne.jp": 10,
    "example.jp": 10,
}

DEFERRALS = (
    "451 4.7.1 <{to}>: Recipient address rejected: Greylisted, please try again later"
    " (in reply to RCPT TO)",
    "421 4.7.0 Too many connections from your host (in reply to MAIL FROM)",
    "452 4.2.2 Mailbox full, try again later (in reply to RCPT TO)",
)
SUPPRESSION = "Recipient address <{to}> is suppressed to send mail. (in reply to RCPT TO)"
# The reasons of each bounce code.
REASONS = {
    "1": ("host unknown",),
    "2": (
        "550 5.1.1 <{to}>: no such mailbox. 5.1.1 Check the spelling of the recipient's address;"
        " 5.1.1 see  <https://help.example.net/bounce?p=NoSuchUser> (in reply to RCPT TO)",
        "550 Unknown user {to} (in reply to RCPT TO)",
        "550 5.1.1 ユーザーが見つかりません (in reply to RCPT TO)",
    ),
    "3": ("connect to mx.example.net[203.0.113.9]:25: Connection timed out",),
    "4": (
        "550 5.7.1 Our system has detected that this message is likely unsolicited mail."
        " (in reply to end of DATA command)",
        '554 5.7.1 Service unavailable; "203.0.113.9" blocked using bl.example.net',
    ),
    "5": ("552 5.2.2 <{to}>: user is over quota (in reply to RCPT TO)",),
    "6": ("550 5.1.1 <forwarded@example.net>: no such mailbox (in reply to RCPT TO)",),
    "7": ("530 5.7.0 Authentication required (in reply to MAIL FROM)",),
    "8": ("552 5.3.4 Message size exceeds fixed limit (in reply to MAIL FROM)",),
    "9": ("501 5.1.3 Bad recipient address syntax (in reply to RCPT TO)",),
    "99": ("554 5.0.0 transaction failed (in reply to end of DATA command)",),
}
