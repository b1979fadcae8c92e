"""DynamoDB's items: what it refuses, and transactions that are sent again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.server import Server

TABLE = {
    "TableName": "films",
    "KeySchema": [
        {"AttributeName": "title", "KeyType": "HASH"},
        {"AttributeName": "year", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "title", "AttributeType": "S"},
        {"AttributeName": "year", "AttributeType": "N"},
        {"AttributeName": "genre", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-genre",
            "KeySchema": [{"AttributeName": "genre", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"title": {"S": "Alien"}, "year": {"N": "1979"}}
ONE = {":n": {"N": "1"}}


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with Server(port=0, services=[]) as server:
        client = server.cloud.client("dynamodb")
        client.create_table(**TABLE)
        yield client


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_batch_writes_an_item_once(dynamodb: Any) -> None:
    put = {"PutRequest": {"Item": KEY | {"stars": {"N": "5"}}}}
    for other in ({"PutRequest": {"Item": KEY | {"stars": {"N": "4"}}}}, {"DeleteRequest": {"Key": KEY}}):
        request = {"RequestItems": {"films": [put, other]}}
        refused = refusal(functools.partial(dynamodb.batch_write_item, **request))
        assert refused == ("ValidationException", "Provided list of item keys contains duplicates")
    later = {"PutRequest": {"Item": KEY | {"year": {"N": "1986"}}}}
    assert dynamodb.batch_write_item(RequestItems={"films": [put, later]})["UnprocessedItems"] == {}


def test_a_set_has_each_element_once(dynamodb: Any) -> None:
    item = KEY | {"tags": {"SS": ["a", "b", "a"]}}
    refused = refusal(lambda: dynamodb.put_item(TableName="films", Item=item))
    assert refused[1].endswith("Input collection [a, b, a] contains duplicates.")
    named_like_one = KEY | {"SS": {"L": [{"S": "a"}, {"S": "a"}]}}
    dynamodb.put_item(TableName="films", Item=named_like_one)


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"FilterExpression": "stars > :n AND #y > :n", "ExpressionAttributeNames": {"#y": "year"}}, "year"),
        ({"FilterExpression": "title = :t OR stars = :n"}, "title"),
        ({"FilterExpression": "stars > :n AND meta.title = :t AND attribute_exists(director)"}, None),
        ({"FilterExpression": "stars > :n AND title = :t", "IndexName": "by-genre"}, None),
    ],
)
def test_a_query_is_not_filtered_by_its_keys(dynamodb: Any, members: dict[str, Any], key: str | None) -> None:
    attribute = "genre" if "IndexName" in members else "title"
    given = {":t": {"S": "Alien"}} | ONE
    used = {
        name: value for name, value in given.items() if name != ":n" or ":n" in members["FilterExpression"]
    }

    def query() -> Any:
        return dynamodb.query(
            TableName="films",
            KeyConditionExpression=f"{attribute} = :t",
            ExpressionAttributeValues=used,
            **members,
        )

    if key is None:
        assert query()["Count"] >= 0
        return
    expected = f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {key}"
    assert refusal(query) == ("ValidationException", expected)


def test_a_transaction_is_carried_out_once_for_its_token(dynamodb: Any) -> None:
    key = {"title": {"S": "Counted"}, "year": {"N": "2000"}}

    def count(token: str, by: str = "1") -> None:
        update = {
            "TableName": "films",
            "Key": key,
            "UpdateExpression": "ADD visits :n",
            "ExpressionAttributeValues": {":n": {"N": by}},
        }
        dynamodb.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken=token)

    count("first")
    count("first")
    count("second")
    assert dynamodb.get_item(TableName="films", Key=key)["Item"]["visits"] == {"N": "2"}
    assert refusal(lambda: count("first", by="7"))[0] == "IdempotentParameterMismatchException"


def test_a_transaction_that_failed_may_be_sent_again(dynamodb: Any) -> None:
    key = {"title": {"S": "Conditional"}, "year": {"N": "2000"}}
    put = {"TableName": "films", "Item": key, "ConditionExpression": "attribute_not_exists(title)"}
    dynamodb.put_item(TableName="films", Item=key)
    request = {"TransactItems": [{"Put": put}], "ClientRequestToken": "again"}
    assert refusal(lambda: dynamodb.transact_write_items(**request))[0] == "TransactionCanceledException"
    dynamodb.delete_item(TableName="films", Key=key)
    dynamodb.transact_write_items(**request)
    assert "Item" in dynamodb.get_item(TableName="films", Key=key)
