"""Errors of CloudFormation, with the codes and messages that its clients look for."""

from typing import Any

from localcloud.protocol import InvalidRequest


class ValidationError(InvalidRequest):
    """The request or its template is invalid. Nothing has been changed."""


class ResourceFailed(Exception):
    """A resource could not be created, updated or deleted. The message is the reason shown in the events.

    `physical` is the physical resource that exists nevertheless, to be deleted on rollback; `refusal` is the
    service's error, if that is the cause.
    """

    def __init__(self, message: str, physical: Any = None, refusal: Exception | None = None):
        super().__init__(message)
        self.physical = physical
        self.refusal = refusal


NO_UPDATES = "No updates are to be performed."
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
