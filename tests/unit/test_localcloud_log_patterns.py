"""Filter patterns find what CloudWatch Logs says that they find.

Most are examples of https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import json

import pytest

from localcloud.logs.comparisons import InvalidPattern
from localcloud.logs.patterns import compile_pattern

ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
    "[INFO] fine",
]
DOCUMENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "cluster.name": "c",
        "requestId": "1b2d",
        "errorCode": 500,
        "latency": 1.5,
        "flag": True,
        "huge": 10**400,
        "user": {"id": "x", "name": "José"},
    }
)
REQUEST = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2, 3]),
        ("error", []),
        ("ERROR ARGUMENTS", [2, 3]),
        ('"INVALID ARGUMENTS"', [3]),
        ('"[ERROR 40"', [0, 1]),
        ("?BAD ?INVALID", [0, 3]),
        ("?BAD ?INVALID ARGUMENTS", [2, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ('-"[INFO]" -BAD', [1, 2, 3]),
        ("%4[12]\\d%", [2, 3]),
    ],
)
def test_terms(pattern: str, numbers: list[int]) -> None:
    extract = compile_pattern(pattern)
    assert [number for number, message in enumerate(ERRORS) if extract(message) is not None] == numbers


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType = "Update*" }', True),
        ('{ $.eventType = "update*" }', False),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[2].id = 2 }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.flag IS TRUE }", True),
        ("{ $.flag IS FALSE }", False),
        ("{ $['cluster.name'] = \"c\" }", True),
        ("{ $.errorCode >= 400 && $.errorCode < 500 }", False),
        ("{ $.errorCode = 5e2 }", True),
        ("{ $.latency > 1 }", True),
        ("{ $.eventType > 1 }", False),
        ("{ $.requestId = %^[0-9a-f]+$% }", True),
        ('{ $.user.name = "José" }', True),
        ('{ ($.user.id = "y" || $.errorCode = 500) && $.latency <= 1.5 }', True),
        ('{ $.user.id = "y" || $.errorCode = 500 && $.latency > 2 }', False),
        ('{ $.missing != "x" }', False),
        ("{ $.huge > 1e300 }", True),
        ("{ $.huge = 1 }", False),
    ],
)
def test_properties_of_json(pattern: str, found: bool) -> None:
    extract = compile_pattern(pattern)
    assert (extract(DOCUMENT) is not None) is found
    assert extract("no JSON") is None


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes]", True),
        ("[ip, server]", False),
        ("[ip, server, username, timestamp, request, status_code = 404, bytes > 1000]", True),
        ("[ip, server, username, timestamp, request, status_code = 4*, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code = 404 || status_code = 410, bytes]", True),
        ("[ip, server, username, timestamp, request =*html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 404, bytes]", True),
        ("[ip = 127.0.0.*, ...]", True),
        ("[ip != 127.0.0.1, ...]", False),
        ("[ip, ..., request = %GET .*html%, status_code, bytes < 1000]", False),
        ("[,,,,,,]", True),
    ],
)
def test_fields(pattern: str, found: bool) -> None:
    assert (compile_pattern(pattern)(REQUEST) is not None) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "a:b",
        '"open',
        "{ $.a = }",
        "{ $.a }",
        "{ a b c }",
        "{ $.a = 1",
        "{ ($.a = 1 }",
        "{ $.a = 1 } x",
        "[a, b",
        "[..., a, ...]",
        "{ $.a IS MAYBE }",
        "%(%",
    ],
)
def test_invalid_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern(pattern)


FIELDS = {"$1": "127.0.0.1", "$2": "Prod", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700"}
REQUESTED = "GET /index.html HTTP/1.0"


@pytest.mark.parametrize(
    ("pattern", "message", "extracted"),
    [
        ("[]", REQUEST, FIELDS | {"$5": REQUESTED, "$6": "404", "$7": "1534"}),
        ("[..., code, size]", REQUEST, FIELDS | {"$5": REQUESTED, "$code": "404", "$size": "1534"}),
        ("[ip, ...]", "10.0.0.1 y z", {"$ip": "10.0.0.1", "$2": "y", "$3": "z"}),
        (
            "[..., request=*.html*, status_code=4*,]",
            REQUEST,
            FIELDS | {"$request": REQUESTED, "$status_code": "404", "$7": "1534"},
        ),
        ("[..., status_code=200, size]", REQUEST, None),
        ("[a, b]", "x y", {"$a": "x", "$b": "y"}),
        ("{ $.errorCode = 500 || $.none = 1 }", DOCUMENT, {"$.errorCode": "500"}),
        ("ERROR", ERRORS[0], {}),
    ],
)
def test_values_are_extracted_by_name_or_position(
    pattern: str, message: str, extracted: dict[str, str] | None
) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html"""
    assert compile_pattern(pattern)(message) == extracted


@pytest.mark.parametrize(
    ("message", "first", "last"),
    [
        ("a [b c", "a", "c"),
        ("[a b] [c", "a b", "[c"),
        ("a] [b", "a]", "[b"),
        ('[a b] "c d" ["e f', "a b", "f"),
        ("[ " * 500_000, "[", "["),
    ],
    ids=["one", "behind others", "behind a word", "quotes", "a megabyte"],
)
def test_brackets_that_are_not_closed_are_parts_of_words(message: str, first: str, last: str) -> None:
    found = compile_pattern("[first, ..., last]")(message)
    assert found is not None
    assert (found["$first"], found["$last"]) == (first, last)
