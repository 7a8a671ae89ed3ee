"""What the local Firestore raises."""

from typing import TypeAlias

from click import ClickException
from google.api_core.exceptions import GoogleAPICallError

# A request that is not fulfilled: the exception that Google's client raises for its status code.
Refusal: TypeAlias = GoogleAPICallError


class StartError(ClickException):
    """The server cannot start; a command shows the message, a sentence that says what to do."""
