"""Where the root key comes from: a file, the environment, a key management service, or a plug-in.

    STATEWARD_ROOT_KEY_SOURCE      (unset)        STATEWARD_ROOT_KEY, or the file in its _FILE
                                   aws-kms        STATEWARD_ROOT_KEY_SEALED, opened by AWS KMS
                                   module:Class   your own ``RootKeySource``

A source answers the 32 bytes once, when a process starts; they stay in its memory. With a service,
what lies on disk is the sealed key, and who may open it is the service's to decide and to record.
"""

from __future__ import annotations

import base64
import binascii
from importlib import import_module
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured

from stateward.settings import env

NAME = "STATEWARD_ROOT_KEY"
CONTEXT = {"stateward": "root key"}  # what it is sealed for; the service compares it
SECONDS = 10


class RootKeySource(Protocol):
    """Something that knows the root key."""

    place: str  # where it lies, in words for the custody page; no secret

    def fetch(self) -> bytes:
        """The 32 bytes. ImproperlyConfigured says what to do where they cannot be had."""


class Given:
    """The environment, or a file that it names."""

    def __init__(self) -> None:
        self.place = env.path_of(NAME) or "the environment of the processes"

    def fetch(self) -> bytes:
        return env.key(NAME)


class AwsKms:
    """AWS KMS: the sealed key is ours to keep, the key that opens it never leaves the service."""

    def __init__(self) -> None:
        self.key_id = env.text("STATEWARD_KMS_KEY_ID")
        self.place = f"AWS KMS, sealed under {self.key_id}"

    def fetch(self) -> bytes:
        name = f"{NAME}_SEALED"
        try:
            sealed = base64.b64decode(env.text(name), validate=True)
        except (ValueError, binascii.Error):
            raise ImproperlyConfigured(f"{name} must be base64.") from None
        answer = self._ask(
            "decrypt", CiphertextBlob=sealed, KeyId=self.key_id, EncryptionContext=CONTEXT
        )
        key = bytes(answer["Plaintext"])
        if len(key) != env.KEY_BYTES:
            raise ImproperlyConfigured(f"{name} does not hold a root key of {env.KEY_BYTES} bytes.")
        return key

    def seal(self, key: bytes) -> str:
        """The root key sealed by the service, in base64: what STATEWARD_ROOT_KEY_SEALED holds."""
        answer = self._ask("encrypt", Plaintext=key, KeyId=self.key_id, EncryptionContext=CONTEXT)
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def _ask(self, act: str, **parameters: Any) -> dict[str, Any]:
        """One call; what the service said is told by its code alone."""
        from boto3.session import Session  # noqa: PLC0415  # slow, and needed here only
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        config = Config(
            connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 3}
        )
        try:
            client = Session().client(
                "kms",
                region_name=env.text("STATEWARD_KMS_REGION", "us-east-1"),
                endpoint_url=env.text("STATEWARD_KMS_ENDPOINT", "") or None,
                config=config,
            )
            answer: dict[str, Any] = getattr(client, act)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise ImproperlyConfigured(
                f"AWS KMS refused to {act} under {self.key_id}: {code}."
            ) from None
        except BotoCoreError as error:
            raise ImproperlyConfigured(
                f"AWS KMS did not {act} under {self.key_id}: {type(error).__name__}."
            ) from None
        return answer


def source() -> RootKeySource:
    """The one that the environment names."""
    named = env.text("STATEWARD_ROOT_KEY_SOURCE", "")
    if not named:
        return Given()
    if named == "aws-kms":
        return AwsKms()
    module, _, attribute = named.partition(":")
    try:
        found: RootKeySource = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(
            f"STATEWARD_ROOT_KEY_SOURCE: {named} is not aws-kms, nor module:Class that can be"
            f" loaded ({type(error).__name__})."
        ) from None
    return found


def fetched(one: RootKeySource) -> bytes:
    """Its key; ImproperlyConfigured where that is none."""
    key = one.fetch()
    if not isinstance(key, bytes) or len(key) != env.KEY_BYTES:
        raise ImproperlyConfigured(f"The root key from {one.place} is not {env.KEY_BYTES} bytes.")
    return key
