"""The one document per mail and recipient that the variants store."""

# The statuses from the least to the most final.
RANKS = ["queued", "deferred", "succeeded", "failed", "bounced"]
COLLECTION = "mail_statuses"


def mails(post):
    """Yield the document id and the fields for each record of a post."""
    for kind, records in post["event"].items():
        for record in records:
            fields = {
                "status": "bounced" if kind == "bounces" else record["status"],
                "message_id": record["messageId"],
                "to": record["to"],
                "from": record["from"],
                "return_path": record["returnPath"],
                "subject": record["subject"],
                "created": record["created"],
                "source_ip": record.get("sourceIp", ""),
            }
            if record["reason"]:
                fields["reason"] = record["reason"]
            if kind == "bounces":
                fields["bounce_code"] = record["status"]
            yield f"{record['messageId'].strip('<>')}.{record['to']}", fields
