"""Keys of KMS: which operations their state and their usage allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.server import Server


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    with Server(port=0, services=[]) as server:
        yield server.cloud.client("kms")


def new_key(kms: Any, **members: Any) -> str:
    key: str = kms.create_key(**members)["KeyMetadata"]["KeyId"]
    return key


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"].partition("key/")[2].partition(" ")[2]


def test_a_disabled_key_computes_nothing_until_it_is_enabled(kms: Any) -> None:
    key = new_key(kms)
    kms.create_alias(AliasName="alias/disabled", TargetKeyId=key)
    secret = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    for call in (
        lambda: kms.encrypt(KeyId="alias/disabled", Plaintext=b"x"),
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        lambda: kms.decrypt(CiphertextBlob=secret),
        lambda: kms.re_encrypt(CiphertextBlob=secret, DestinationKeyId=new_key(kms)),
    ):
        assert refusal(call) == ("DisabledException", "is disabled.")
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"x"


def test_a_key_that_is_about_to_be_deleted_is_only_described_or_kept(kms: Any) -> None:
    key = new_key(kms)
    secret = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    pending = ("KMSInvalidStateException", "is pending deletion.")
    assert refusal(lambda: kms.cancel_key_deletion(KeyId=key)) == (pending[0], "is not pending deletion.")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for call in (
        lambda: kms.decrypt(CiphertextBlob=secret),
        lambda: kms.enable_key(KeyId=key),
        lambda: kms.schedule_key_deletion(KeyId=key),
        lambda: kms.create_alias(AliasName="alias/pending", TargetKeyId=key),
    ):
        assert refusal(call) == pending
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


@pytest.mark.parametrize("days", [6, 31])
def test_a_key_is_deleted_after_a_week_to_a_month(kms: Any, days: int) -> None:
    key = new_key(kms)
    with pytest.raises(ClientError, match=f"Value '{days}' at 'pendingWindowInDays' failed to satisfy"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_new_key_is_for_secrets_in_one_region(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    assert (key["KeyUsage"], key["MultiRegion"]) == ("ENCRYPT_DECRYPT", False)


def test_a_key_does_what_it_is_for(kms: Any) -> None:
    for_signatures = new_key(kms, KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
    for_secrets = new_key(kms)
    assert refusal(lambda: kms.encrypt(KeyId=for_signatures, Plaintext=b"x")) == (
        "InvalidKeyUsageException",
        "key usage is SIGN_VERIFY which is not valid for Encrypt.",
    )
    algorithm = {"SigningAlgorithm": "ECDSA_SHA_256"}
    assert refusal(lambda: kms.sign(KeyId=for_secrets, Message=b"m", **algorithm)) == (
        "InvalidKeyUsageException",
        "key usage is ENCRYPT_DECRYPT which is not valid for Sign.",
    )
    signature = kms.sign(KeyId=for_signatures, Message=b"m", **algorithm)["Signature"]
    verified = kms.verify(KeyId=for_signatures, Message=b"m", Signature=signature, **algorithm)
    assert verified["SignatureValid"]
