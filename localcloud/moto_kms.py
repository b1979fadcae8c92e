"""What KMS refuses by the state and the usage of a key, at which moto does not look.

https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

import functools
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError

ENCRYPTION, SIGNATURE, MAC = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"
USAGES: Mapping[str, str] = {
    "Decrypt": ENCRYPTION,
    "Encrypt": ENCRYPTION,
    "GenerateDataKey": ENCRYPTION,
    "GenerateDataKeyWithoutPlaintext": ENCRYPTION,
    "GenerateMac": MAC,
    "ReEncrypt": ENCRYPTION,
    "Sign": SIGNATURE,
    "Verify": SIGNATURE,
    "VerifyMac": MAC,
}
"""The usage that a key must have, by the operations that compute with it."""
CHANGES = (
    *("CreateAlias", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation"),
    *("ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateAlias", "UpdateKeyDescription"),
)
"""Operations that fail for a key that is about to be deleted."""
KEYS = ("KeyId", "DestinationKeyId", "SourceKeyId", "TargetKeyId")
ID_BYTES = 36
"""moto's ciphertexts begin with the id of their key."""
MIN_DAYS, MAX_DAYS = 7, 30


def check_key(operation: str, members: Mapping[str, Any], region: str) -> None:
    """Raises ApiError for a request with a key that is disabled, about to be deleted, or of another usage."""
    days = members.get("PendingWindowInDays", MAX_DAYS)
    if not MIN_DAYS <= days <= MAX_DAYS:
        bound = (
            f"greater than or equal to {MIN_DAYS}" if days < MIN_DAYS else f"less than or equal to {MAX_DAYS}"
        )
        message = (
            f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
        raise ApiError("ValidationException", message)
    for key in _keys(members, region):
        is_pending = key.key_state == "PendingDeletion"
        if is_pending and (operation in USAGES or operation in CHANGES):
            raise ApiError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        if operation == "CancelKeyDeletion" and not is_pending:
            raise ApiError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
        if (usage := USAGES.get(operation)) is None:
            continue
        if key.key_state == "Disabled":
            raise ApiError("DisabledException", f"{key.arn} is disabled.")
        if key.key_usage != usage:
            message = f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}."
            raise ApiError("InvalidKeyUsageException", message)


def complete_keys() -> None:
    """Gives new keys of moto the usage that they have by default, and says that they are of one region.

    The change is to moto itself.
    """
    from moto.kms.models import KmsBackend

    create_key: Any = KmsBackend.create_key

    @functools.wraps(create_key)
    def create(
        backend: Any,
        policy: str | None,
        key_usage: str | None,
        key_spec: str,
        description: str,
        tags: list[dict[str, str]] | None,
        multi_region: bool | None = None,
        *origin: str,
    ) -> Any:
        usage = key_usage or ENCRYPTION
        return create_key(backend, policy, usage, key_spec, description, tags, bool(multi_region), *origin)

    setattr(KmsBackend, "create_key", create)  # noqa: B010 - mypy takes no assignment to a method


def _keys(members: Mapping[str, Any], region: str) -> list[Any]:
    """moto's records of the keys that a request names or whose ciphertext it has, as far as there are any."""
    from moto.kms.models import kms_backends

    backend = backend_of(kms_backends, ACCOUNT_ID, region)
    names = [str(members[name]) for name in KEYS if name in members]
    if isinstance(blob := members.get("CiphertextBlob"), bytes):
        names.append(blob[:ID_BYTES].decode(errors="replace"))
    ids = [_id(backend, name) for name in names]
    return [backend.keys[key_id] for key_id in ids if key_id in backend.keys]


def _id(backend: Any, name: str) -> str:
    """The id of a key by its id, its alias or an ARN; an empty text for an alias that there is not."""
    alias = backend.get_alias_name(name)
    if alias.startswith("alias/"):
        name = backend.get_key_id_from_alias(alias) or ""
    key_id: str = backend.get_key_id(name)
    return key_id
