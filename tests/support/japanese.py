"""The rules of Japanese wording, for the texts of page and commands and for the documents."""

import re

# Second words for a thing, and claims that nobody can make; beside each is what to write instead.
FORBIDDEN = {
    "送信停止": "配信停止アドレス、購読解除アドレス、送信対象外",
    "隔離": "要確認データ",
    "概要": "ダッシュボード",
    "状況": "ステータス",
    "エラーメール": "不達",
    "エラーの原因": "エラー理由",
    "宛先不明": "ユーザ不明",
    "ユーザー不明": "ユーザ不明",
    "容量超過": "容量オーバー",
    "サーバーエラー": "受信サーバエラー",
    "未知": "未対応",
    "Message-ID": "メッセージID",
    "APIデータ": "X-Api-Data",
    "サーバー構成": "サーバ構成",
    "再投入": "再処理",
    "受理": "受け取りました",
    "本体": "本文",
    "経過": "配信の履歴",
    "全宛先": "宛先一覧",
    "良否": "アドレスに問題があるかどうか",
    "有効です": "アドレスに問題があるとは限りません",
    "届きました": "相手サーバーがメールを受け取りました",
    "届いています": "相手サーバーがメールを受け取りました",
    "読まれました": "",
    "迷惑メールに入っています": "",
}

# Katakana have a long vowel at the end, but for these names of CMC.
_CMC_NAMES = ("ユーザ不明", "サーバ構成", "受信サーバエラー")
_SHORT = re.compile("(?:サーバ|ユーザ|ヘッダ|フォルダ|ブラウザ|パラメータ|エミュレータ)(?!ー)")
JAPANESE = "[ぁ-んァ-ヶー一-龠、。]"
_SPACED = re.compile(f"{JAPANESE} [A-Za-z0-9{{]|[A-Za-z0-9}}] {JAPANESE}")
# The wide square brackets hold what nobody has filled in.
_WIDE = re.compile("[！-Ｚ＼＾-～]")


def second_words(text):
    """Return the words of *text* that have another word in this project."""
    return [word for word in FORBIDDEN if word in text]


def misspelt(text):
    """Return what breaks the rules of katakana, spaces and half-width letters."""
    for name in _CMC_NAMES:
        text = text.replace(name, "")
    return [found[0] for rule in (_SHORT, _SPACED, _WIDE) for found in rule.finditer(text)]
