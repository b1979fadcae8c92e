"""What IAM policies mean: wildcards, denials, conditions, principals."""

from typing import Any

import pytest

from localcloud.iam.policy import Access, Decision, allows, evaluate

ALLOWED, DENIED, NOTHING = Decision.ALLOWED, Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY
READ = Access("s3:GetObject", "arn:aws:s3:::films/2001/a.txt")


def statement(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def decide(*statements: dict, access: Access = READ, **more: Any) -> Decision:
    return evaluate([{"Version": "2012-10-17", "Statement": list(statements)}], access, **more)


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("s3:GetObject", "*", ALLOWED),
        ("*", "*", ALLOWED),
        ("s3:*", "arn:aws:s3:::films/*", ALLOWED),
        ("S3:getobject", "*", ALLOWED),
        ("s3:Get*", "arn:aws:s3:::films/2001/?.txt", ALLOWED),
        (["s3:PutObject", "s3:GetObject"], ["arn:aws:s3:::x/*", "arn:aws:s3:::f*s/*"], ALLOWED),
        ("s3:GetObjectVersion", "*", NOTHING),
        ("s3:GetObject", "arn:aws:s3:::films", NOTHING),
        ("s3:GetObject", "arn:aws:s3:::films/2001/a?txt?", NOTHING),
        ("s3:GetObject", "arn:aws:s3:::FILMS/*", NOTHING),
        ("s3:GetObject", "arn:aws:s3:::films/2001/[a].txt", NOTHING),
        ("s3.GetObject", "*", NOTHING),
    ],
)
def test_actions_and_resources_match_by_iams_wildcards(
    action: Any, resource: Any, decision: Decision
) -> None:
    assert decide(statement(action=action, resource=resource)) is decision


def test_a_dot_in_a_resource_is_a_dot() -> None:
    assert decide(statement(resource="arn:aws:s3:::films/2001/a.txt"), access=READ) is ALLOWED
    other = Access("s3:GetObject", "arn:aws:s3:::films/2001/aXtxt")
    assert decide(statement(resource="arn:aws:s3:::films/2001/a.txt"), access=other) is NOTHING


def test_a_denial_wins_wherever_it_stands() -> None:
    assert decide(statement(), statement("Deny")) is DENIED
    assert decide(statement("Deny"), statement()) is DENIED
    assert evaluate([{"Statement": statement()}, {"Statement": statement("Deny")}], READ) is DENIED


def test_the_effect_may_be_written_in_any_case() -> None:
    """As IAM takes it: "aLLow" is among the valid documents of moto's tests/test_iam/test_iam_policies.py."""
    assert decide(statement("aLLow")) is ALLOWED
    assert decide(statement(), statement("dENY")) is DENIED


@pytest.mark.parametrize("effect", [{}, {"Effect": None}, {"Effect": "Permit"}])
def test_only_an_effect_that_allows_does(effect: dict) -> None:
    assert decide({"Action": "*", "Resource": "*", **effect}) is NOTHING


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert evaluate([], READ) is NOTHING
    assert decide(statement("Deny", action="s3:PutObject")) is NOTHING


def test_not_action_and_not_resource() -> None:
    assert decide({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}) is ALLOWED
    assert decide({"Effect": "Allow", "NotAction": ["s3:Get*"], "Resource": "*"}) is NOTHING
    assert decide({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::films/*"}) is NOTHING
    assert decide({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}) is DENIED


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3:prefix": ["a"]}, True),
        ({"StringEquals": {"S3:Prefix": ["b", "a"]}}, {"s3:prefix": ["a"]}, True),
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3:prefix": ["A"]}, False),
        ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {"s3:prefix": ["b"]}, False),
        ({"StringEqualsIgnoreCase": {"s3:prefix": "ABC"}}, {"s3:prefix": ["abc"]}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["c"]}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["b"]}, False),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {}, True),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": ["home/x/y"]}, True),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {"s3:prefix": ["home/x"]}, False),
        ({"ArnLike": {"s3:prefix": "arn:aws:s3:::*"}}, {"s3:prefix": ["arn:aws:s3:::b"]}, True),
        ({"ArnLike": {"s3:prefix": "arn:aws:*:1:f"}}, {"s3:prefix": ["arn:aws:lambda:us-east-1:1:f"]}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": ["true"]}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:securetransport": ["true"]}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": ["10"]}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": ["ten"]}, False),
        (
            {"DateGreaterThan": {"s3:prefix": "2020-01-01T00:00:00Z"}},
            {"s3:prefix": ["2021-01-01T00:00:00Z"]},
            True,
        ),
        ({"DateLessThan": {"aws:EpochTime": "9" * 23}}, {"aws:epochtime": ["1600000000"]}, False),
        ({"DateLessThan": {"aws:EpochTime": "9" * 400}}, {"aws:epochtime": ["1600000000"]}, False),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"aws:sourceip": ["127.0.0.1"]}, True),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"aws:sourceip": ["127.0.0.1"]}, False),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"Null": {"s3:prefix": "false"}}, {}, False),
        ({"Null": {"s3:prefix": True}}, {"s3:prefix": ["x"]}, False),
        ({"ForAllValues:StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"s3:prefix": ["a", "b"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["c", "a"]}, True),
        ({"ForAnyValue:StringEquals": {"s3:prefix": ["a"]}}, {}, False),
        ({"StringEquals": {"s3:prefix": "a", "s3:delimiter": "b"}}, {"s3:prefix": ["a"]}, False),
        (
            {"StringEquals": {"s3:prefix": "a"}, "Bool": {"s3:delimiter": "true"}},
            {"s3:prefix": ["a"], "s3:delimiter": ["true"]},
            True,
        ),
        (
            {"StringEquals": {"s3:prefix": "${aws:username}"}},
            {"s3:prefix": ["ada"], "aws:username": ["ada"]},
            True,
        ),
        ({"StringEquals": {"s3:prefix": "${aws:username}"}}, {"s3:prefix": [""]}, False),
    ],
)
def test_conditions(condition: dict, values: dict[str, list[str]], holds: bool) -> None:
    access = Access(READ.action, READ.resource, values)
    assert decide(statement(Condition=condition), access=access) is (ALLOWED if holds else NOTHING)
    denial = statement("Deny", Condition=condition)
    assert decide(denial, access=access) is (DENIED if holds else NOTHING)


def test_a_condition_that_is_not_understood_neither_allows_nor_lifts_a_denial() -> None:
    condition = {"StringSoundsLike": {"s3:prefix": "a"}}
    assert decide(statement(Condition=condition)) is NOTHING
    for effect in ("Deny", "deny"):
        assert decide(statement(), statement(effect, Condition=condition)) is DENIED


def test_policy_variables_in_resources() -> None:
    home = statement(resource="arn:aws:s3:::films/${aws:username}/*")
    mine = Access("s3:GetObject", "arn:aws:s3:::films/ada/x", {"aws:username": ["ada"]})
    assert decide(home, access=mine) is ALLOWED
    assert decide(home, access=Access(mine.action, mine.resource, {"aws:username": ["bob"]})) is NOTHING
    assert decide(home, access=Access(mine.action, mine.resource)) is NOTHING


@pytest.mark.parametrize(
    ("principal", "decision"),
    [
        ("*", ALLOWED),
        ({"Service": "lambda.amazonaws.com"}, ALLOWED),
        ({"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]}, ALLOWED),
        ({"Service": "sagemaker.amazonaws.com"}, NOTHING),
        ({"AWS": "lambda.amazonaws.com"}, NOTHING),
        ({"AWS": "*"}, ALLOWED),
    ],
)
def test_a_trust_policy_names_who_may_assume_the_role(principal: Any, decision: Decision) -> None:
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    access = Access("sts:AssumeRole", "arn:aws:iam::123456789012:role/r")
    caller = {"Service": frozenset(["lambda.amazonaws.com"])}
    assert decide(trust, access=access, principals=caller) is decision


def test_a_resource_policy_without_principal_is_for_nobody() -> None:
    caller = {"Service": frozenset(["lambda.amazonaws.com"])}
    assert decide(statement(), principals=caller) is NOTHING
    everyone_else = {"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "Action": "*", "Resource": "*"}
    assert decide(everyone_else, principals=caller) is DENIED


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_policies_of_the_older_version_count_and_take_variables_literally(version: dict) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""

    def older(resource: str) -> Decision:
        access = Access("s3:GetObject", "arn:aws:s3:::films/ann", {"aws:username": ["ann"]})
        return evaluate([{**version, "Statement": statement(resource=resource)}], access)

    assert older("arn:aws:s3:::films/*") is ALLOWED
    assert older("arn:aws:s3:::films/${aws:username}") is NOTHING


def test_the_log_names_an_unsupported_key_once_for_many_objects(caplog: pytest.LogCaptureFixture) -> None:
    condition = {"StringEquals": {"aws:Unheard": "x"}}
    document = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}}
    for number in range(3):
        assert not allows([document], Access("s3:GetObject", f"arn:aws:s3:::films/{number}"))
    assert caplog.text.count("condition key aws:Unheard") == 1
