"""What DynamoDB refuses, though moto would take it, and transactions that are sent again.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import functools
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError

SETS = ("SS", "NS", "BS")
ATTRIBUTE = re.compile(r"(?<![\w.:#])(#?\w+)(?!\w|\s*\()")
"""A name in an expression that begins the path of an attribute; not a value, nor a function."""
INVALID = "One or more parameter values were invalid: "
REMEMBERED_SECONDS = 600
"""How long the token of a transaction stands for it."""
DONE = "_localcloud_transactions"
_lock = threading.Lock()


def check_items(operation: str, members: Mapping[str, Any], region: str) -> None:
    """Raises ApiError for repeated keys and elements of sets, filters by keys, and tokens used before."""
    if repeated := next(_repeated(members), None):
        message = f"{INVALID}Input collection [{', '.join(map(str, repeated))}] contains duplicates."
        raise ApiError("ValidationException", message)
    if operation == "BatchWriteItem":
        _check_batch(members["RequestItems"], region)
    if operation == "Query" and (expression := members.get("FilterExpression")):
        _check_filter(expression, members, region)
    if operation == "TransactWriteItems" and (token := members.get("ClientRequestToken")):
        done = _done(_backend(region)).get(token)
        if done and done[0] != _canonical(members["TransactItems"]):
            message = "The request uses the same client token as a previous, but non-identical request."
            raise ApiError("IdempotentParameterMismatchException", message)


def correct_transactions() -> None:
    """Lets moto carry out a transaction once for a client token, which every client sends with each.

    The change is to moto itself.
    """
    from moto.dynamodb.responses import DynamoHandler

    carry_out: Any = DynamoHandler.transact_write_items

    @functools.wraps(carry_out)
    def once(handler: Any) -> Any:
        token = handler.body.get("ClientRequestToken")
        with _lock:
            done = _done(handler.dynamodb_backend)
            if token in done:
                return done[token][1]
            answer = carry_out(handler)
            if token:
                done[token] = (_canonical(handler.body["TransactItems"]), answer, time.monotonic())
            return answer

    setattr(DynamoHandler, "transact_write_items", once)  # noqa: B010 - mypy takes no assignment to a method


def _done(backend: Any) -> dict[str, tuple[str, Any, float]]:
    """The recent transactions by their tokens: what was asked for, the answer, and when."""
    done: dict[str, tuple[str, Any, float]] = vars(backend).setdefault(DONE, {})
    oldest = time.monotonic() - REMEMBERED_SECONDS
    for token in [token for token, (_, _, began) in list(done.items()) if began < oldest]:
        del done[token]
    return done


def _canonical(items: Any) -> str:
    return json.dumps(items, sort_keys=True, default=repr)


def _check_batch(requests: Mapping[str, Any], region: str) -> None:
    for name, writes in requests.items():
        if (table := _table(name, region)) is None:
            continue
        attributes = table.table_key_attrs
        keys = [
            _canonical([record.get(attribute) for attribute in attributes])
            for write in writes
            for record in [
                write.get("PutRequest", {}).get("Item") or write.get("DeleteRequest", {}).get("Key")
            ]
            if record
        ]
        if len(set(keys)) < len(keys):
            raise ApiError("ValidationException", "Provided list of item keys contains duplicates")


def _check_filter(expression: str, members: Mapping[str, Any], region: str) -> None:
    if (table := _table(members["TableName"], region)) is None:
        return
    schema = table.schema
    if index := members.get("IndexName"):
        known = {one.name: one.schema for one in (*table.global_indexes, *table.indexes)}
        schema = known.get(index, ())
    keys = {element["AttributeName"] for element in schema}
    names = members.get("ExpressionAttributeNames", {})
    for attribute in ATTRIBUTE.findall(expression):
        if (name := names.get(attribute, attribute)) in keys:
            message = (
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: "
                + name
            )
            raise ApiError("ValidationException", message)


def _repeated(value: Any) -> Iterator[list[Any]]:
    """The sets with repeated elements in the members of a request."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            for name, inner in one.items():
                if name in SETS and isinstance(inner, list) and len(set(map(repr, inner))) < len(inner):
                    yield inner
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _table(name: str, region: str) -> Any:
    """moto's record of a table, by its name or ARN; None if there is none."""
    return _backend(region).tables.get(name.rpartition("/")[2])


def _backend(region: str) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return backend_of(dynamodb_backends, ACCOUNT_ID, region)
