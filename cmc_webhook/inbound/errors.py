"""What is wrong with a post that cannot become a mail. Pure."""


class UnreadableMail(Exception):
    """The post is kept as it came; *why* is one word for the operator."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
