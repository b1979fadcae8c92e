"""The errors of CloudFormation, by the codes and in the words that its clients look for."""

from typing import Any

from localcloud.protocol import ApiError


class ValidationError(ApiError):
    """The request or its template is wrong; nothing has been changed."""

    def __init__(self, message: str):
        super().__init__("ValidationError", message)


class ResourceFailed(Exception):
    """A resource could not be made, changed or deleted; the message is the reason shown in the events.

    `made` is what stands there all the same, to be deleted when the stack is rolled back.
    """

    def __init__(self, message: str, made: Any = None):
        super().__init__(message)
        self.made = made


NO_UPDATES = "No updates are to be performed."
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
