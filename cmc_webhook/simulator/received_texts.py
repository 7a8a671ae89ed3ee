"""The words of received mails: who writes to whom, what, and what stands in files. Data alone."""

# Names and addresses, in domains reserved for examples; dots as carriers once allowed them.
WRITERS = (
    ("山田 太郎", "taro.yamada@example.co.jp"),
    ("髙橋 花子", "hanako@example.jp"),
    ("株式会社サンプル商事 購買部", "kobai@sample.example.co.jp"),
    ("佐藤", "sato..ichiro@docomo.example"),
    ("", "suzuki@softbank.example"),
    ("Kenji Watanabe", "kenji@example.org"),
)
READERS = (
    ("お問い合わせ窓口", "support@inbound.example.com"),
    ("", "order@inbound.example.com"),
)
# Subject and text. What has a character beyond ISO-2022-JP is sent in another charset.
INQUIRIES = (
    ("お見積りのお願い", "見積書を添付いたします。\r\nご確認のほど、よろしくお願いいたします。"),
    (
        "【至急】注文番号4711の納期について",
        "先日注文した商品の納期をお知らせください。\r\n\r\n  注文番号: 4711\r\n  数量: 12個",
    ),
    ("パスワードを再設定できません", "案内のメールが届きません。\r\n迷惑メールにもありません。"),
    ("資料請求(法人向けプラン)", "①料金表\r\n②導入事例\r\nの2点をお送りください。"),
    ("写真を送ります📷", "現場の写真です😊\r\nスマートフォンから送信"),
    ("Invoice for January", "Please find the details below.\r\n\r\nTotal: JPY 12,300"),
    ("", "件名のないメールです。"),
)
ANSWERS = (
    "ありがとうございます。\r\n内容を確認しました。",
    "承知いたしました。それでは明日14時に伺います。",
    "配信を停止してください。",
)
SIGNATURE = "\r\n\r\n--\r\n{}\r\n"
QUOTED = "\r\n\r\n> {}\r\n> このメールは送信専用です。"
PRODUCTS = ("単三電池(10本)", "コピー用紙Ａ４", "髙級羽毛布団", "ﾎﾞｰﾙﾍﾟﾝ 黒", "卓上カレンダー")
