"""All texts of the page, in English and Japanese. Pure."""

from collections.abc import Mapping
from datetime import timedelta

LANGUAGES = ("en", "ja")

TEXTS: Mapping[str, tuple[str, str]] = {
    "name": ("Mail statuses", "メール配信状況"),
    "overview": ("Overview", "概要"),
    "mails": ("Mails", "メール一覧"),
    "received": ("Received", "受信メール"),
    "quarantine": ("Quarantine", "隔離"),
    "skip": ("Skip to the content", "本文へ移動"),
    "place_local": ("local Firestore", "ローカルのFirestore"),
    "place_real": ("Google's Firestore", "GoogleのFirestore"),
    "times_in": ("Times in {zone}.", "時刻は {zone} です。"),
    "documents_read": ("Documents read: {count}.", "読み取ったドキュメント: {count} 件。"),
    "counts_asked": ("Counts by Firestore: {count}.", "Firestoreによる集計: {count} 回。"),
    # Periods
    "period": ("Period", "期間"),
    "24h": ("24 hours", "24時間"),
    "7d": ("7 days", "7日間"),
    "30d": ("30 days", "30日間"),
    "all": ("All time", "全期間"),
    "own": ("Own period", "期間を指定"),
    "since": ("From", "開始"),
    "until": ("Before", "終了(これより前)"),
    "more_choices": ("Own period, server composition", "期間・サーバー構成を指定"),
    "show": ("Show", "表示"),
    "reset": ("Clear", "クリア"),
    # Overview
    "total": ("All", "合計"),
    "over_time": ("Mails by time of their status", "状況が変わった時刻別のメール数"),
    "as_table": ("The same as a table", "表で見る"),
    "time": ("Time", "時刻"),
    "bounce_causes": ("Causes of bounces", "エラーの原因"),
    "failing_domains": ("Domains with the most failures", "失敗の多いドメイン"),
    "open_deferrals": ("Waiting for another try now", "現在再送待ち"),
    "median": ("Median from queued to succeeded", "受付から送信完了までの中央値"),
    "none_yet": ("none", "なし"),
    "of_newest": (
        "Domains and median are of the newest {count} mails of the period.",
        "ドメインと中央値は、期間内の最新 {count} 件から計算しています。",
    ),
    "hours": ("{hours} h {minutes} min", "{hours}時間{minutes}分"),
    "minutes": ("{minutes} min {seconds} s", "{minutes}分{seconds}秒"),
    "seconds": ("{seconds} s", "{seconds}秒"),
    # List
    "status": ("Status", "状況"),
    "to": ("Recipient", "宛先"),
    "domain": ("Domain of recipient", "宛先のドメイン"),
    "subject": ("Subject", "件名"),
    "cause": ("Cause of bounce", "エラーの原因"),
    "any": ("any", "すべて"),
    "message_id": ("Message id", "Message-ID"),
    "api_data": ("API data", "APIデータ"),
    "composition": ("Server composition", "サーバー構成"),
    "more_filters": ("More filters", "その他の条件"),
    "older": ("Older", "次へ"),
    "newer": ("Newer", "前へ"),
    "newest": ("Newest", "先頭へ"),
    "pages": ("Pages", "ページ"),
    "no_mails": ("No mail matches.", "該当するメールはありません。"),
    "empty": (
        "There is no status yet. Send a first event, for example:",
        "まだ配信状況がありません。次のコマンドで最初のイベントを送信できます:",
    ),
    "live_on": ("What is new appears by itself.", "新しい内容は自動的に表示されます。"),
    "live_lost": (
        "The page cannot be refreshed at the moment; it keeps trying.",
        "現在更新できません。再試行しています。",
    ),
    # Detail
    "what_to_do": ("What to do", "対応"),
    "timeline": ("What happened", "経過"),
    "code": ("code {code}", "コード {code}"),
    "raw_status": ("CMC's word: {word}", "CMCの値: {word}"),
    "all_fields": ("All fields", "すべての項目"),
    "path": ("Document path", "ドキュメントのパス"),
    "copy": ("Copy", "コピー"),
    "copied": ("Copied", "コピーしました"),
    "in_google": ("Open in Google's console", "Googleのコンソールで開く"),
    "same_recipient": ("All mails to this recipient", "この宛先のメール一覧"),
    "same_message": ("All recipients of this mail", "このメールの全宛先"),
    "no_subject": ("(no subject)", "(件名なし)"),
    # Quarantine
    "quarantine_about": (
        "What the function could not read. Mend the cause, post it again, then delete it.",
        "関数が解釈できなかったデータです。原因を取り除き、再投入してから削除してください。",
    ),
    "of_statuses": ("Statuses", "配信状況"),
    "received_quarantine_about": (
        "What could not be read as a received mail, as it came. It is in the bucket, and stays"
        " there when an entry is deleted.",
        "受信メールとして解釈できなかったデータです。内容はバケットにあり、ここで削除しても"
        "バケットには残ります。",
    ),
    "stored_content": ("The post, as it came", "内容(受信時のまま)"),
    "no_quarantine": ("Nothing is in quarantine.", "隔離されたデータはありません。"),
    "why": ("Why", "理由"),
    "received_at": ("Received", "受信時刻"),
    "content": ("Content", "内容"),
    "replay": ("Post again", "再投入"),
    "replay_all": ("Post all again", "すべて再投入"),
    "delete": ("Delete …", "削除 …"),
    "delete_sure": ("Delete this entry for good", "このデータを完全に削除する"),
    "read_only": (
        "Started without --allow-changes: nothing can be changed here.",
        "--allow-changes なしで起動したため、変更はできません。",
    ),
    "replayed": (
        "Posted again: {count}, accepted: {accepted}. They stay here until you delete them.",
        "{count} 件を再投入し、{accepted} 件が受理されました。削除するまでここに残ります。",
    ),
    "not_accepted": ("Not accepted: {answers}.", "受理されなかった応答: {answers}。"),
    "cut_entry": (
        "Cut when it was kept, so not posted: {count}.",
        "保存時に切り詰められたため投入できません: {count} 件。",
    ),
    "no_json_entry": (
        "Content is no JSON, so not posted: {count}. Mend it in Firestore.",
        "内容がJSONでないため投入できません: {count} 件。Firestoreで修正してください。",
    ),
    "deleted": ("Deleted.", "削除しました。"),
    # Received mail
    "no_received": ("No mail has been received.", "受信したメールはありません。"),
    "from": ("From", "差出人"),
    "cc": ("Cc", "Cc"),
    "date": ("Date", "日付"),
    "text": ("Text", "本文"),
    "html": (
        "HTML, without scripts and without content from elsewhere",
        "HTML(スクリプトと外部コンテンツは無効)",
    ),
    "attachments": ("Attachments", "添付ファイル"),
    "bytes": ("{count} bytes", "{count} バイト"),
    "files": ("Attachments: {count}", "添付 {count} 件"),
    "stored_text": ("The text, as it came", "本文(受信時のまま)"),
    "stored_html": ("The HTML, as it came", "HTML(受信時のまま)"),
    "stored_headers": ("The header", "ヘッダー"),
    "stored_raw": ("The whole mail, as it came", "メール全体(受信時のまま)"),
    # Errors
    "error": ("This did not work", "エラー"),
    "error_400": (
        "This address holds a value that cannot be used: {what}.",
        "不正な値です: {what}",
    ),
    "error_403": ("This change is not allowed.", "この操作は許可されていません。"),
    "error_404": ("There is nothing here.", "見つかりません。"),
    "error_405": ("This cannot be done here.", "この操作はできません。"),
    "error_500": (
        "The page has a fault; the terminal that it was started in says more.",
        "内部エラーです。詳細は起動した端末に表示されています。",
    ),
    "error_host": (
        "The page answers only to its own address.",
        "このページは自身のアドレスでのみ応答します。",
    ),
    "error_token": (
        "The form is not from this page or from before its restart: reload and try again.",
        "フォームが無効です。ページを再読み込みしてください。",
    ),
    "error_no_storage": (
        "Nothing says where the local files are: start the page with the devserver, which brings"
        " a bucket (pip install -r tests/requirements.txt), or set STORAGE_EMULATOR_HOST.",
        "ローカルのファイルの場所が不明です。devserverからこのページを起動するか"
        "(バケットには pip install -r tests/requirements.txt が必要)、"
        "STORAGE_EMULATOR_HOST を設定してください。",
    ),
    "error_missing_object": (
        "This file is not, or no more, in Cloud Storage.",
        "このファイルはCloud Storageにありません。",
    ),
    "error_storage": (
        "Cloud Storage does not give this file out; try again later. It answered: {what}.",
        "Cloud Storageからファイルを取得できません。後でもう一度お試しください。応答: {what}",
    ),
    "error_index": (
        "Firestore needs an index for this query, or it is not ready yet:",
        "この検索に必要なインデックスがないか、作成中です:",
    ),
    "error_firestore": ("Firestore answered:", "Firestoreの応答:"),
    "error_away": (
        "Firestore does not answer; this page tries again every few seconds.",
        "Firestoreに接続できません。数秒ごとに再試行しています。",
    ),
}


class Words:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, text: str, **values: object) -> str:
        """Return the text of this name with *values* in it."""
        return self.of(TEXTS[text]).format(**values)

    def of(self, texts: tuple[str, str]) -> str:
        """Return the one of *texts* that is in this language."""
        return texts[self._place]

    def duration(self, length: timedelta) -> str:
        """Return *length* in its two greatest units."""
        minutes, seconds = divmod(round(length.total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        name = "hours" if hours else "minutes" if minutes else "seconds"
        return self(name, hours=hours, minutes=minutes, seconds=seconds)
