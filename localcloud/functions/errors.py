"""Errors of the Lambda API as its clients see them."""

import json

import werkzeug


class LambdaError(Exception):
    """Refuses a Lambda API call: HTTP status, error code, message and further members of the answer."""

    def __init__(self, status: int, code: str, message: str, **members: str):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.members = members

    def response(self, request_id: str) -> werkzeug.Response:
        sender = "User" if self.status < 500 else "Service"
        body = {"Type": sender, "Message": self.message, "message": self.message, **self.members}
        headers = {"x-amzn-ErrorType": self.code, "x-amzn-RequestId": request_id}
        return werkzeug.Response(json.dumps(body), self.status, headers, content_type="application/json")


def invalid_parameter(message: str) -> LambdaError:
    return LambdaError(400, "InvalidParameterValueException", message)


def unsupported(what: str) -> LambdaError:
    """For what AWS would do and localcloud does not: said, so that nobody takes silence for success."""
    return invalid_parameter(f"localcloud does not support {what}.")
