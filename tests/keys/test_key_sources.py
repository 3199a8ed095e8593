"""Where the root key comes from: given, AWS KMS (a server that speaks its protocol), a plug-in."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import StringIO
from typing import Any

import boto3
import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from moto.server import ThreadedMotoServer

from stateward.settings import env
from stateward.settings.root_key import AwsKms, Given, RootKeySource, fetched, source

KEY = b"a root key of thirty-two bytes.."


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def kms(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The service, with a key of ours in it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client = boto3.client("kms", endpoint_url=endpoint, region_name="us-east-1")
    monkeypatch.setenv("STATEWARD_KMS_ENDPOINT", endpoint)
    monkeypatch.setenv("STATEWARD_KMS_KEY_ID", client.create_key()["KeyMetadata"]["Arn"])
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SOURCE", "aws-kms")
    return client


def test_what_the_service_sealed_it_opens(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = AwsKms().seal(KEY)
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", sealed)

    assert fetched(source()) == KEY
    assert KEY not in base64.b64decode(sealed)
    assert source().place.startswith("AWS KMS, sealed under arn:aws:kms:")


def test_it_is_bound_to_what_it_is_for(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed under the same key for something else it does not open."""
    foreign = kms.encrypt(
        KeyId=AwsKms().key_id, Plaintext=KEY, EncryptionContext={"stateward": "something else"}
    )["CiphertextBlob"]
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", base64.b64encode(foreign).decode())

    with pytest.raises(ImproperlyConfigured, match=r"refused to decrypt under arn:.*: \w+"):
        fetched(source())


def test_what_it_refuses_is_told_with_the_keys_id(
    kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", AwsKms().seal(KEY))
    other = kms.create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("STATEWARD_KMS_KEY_ID", other)

    with pytest.raises(ImproperlyConfigured) as caught:
        fetched(source())

    assert AwsKms().key_id in str(caught.value)
    assert KEY.decode() not in str(caught.value)


@pytest.mark.parametrize(
    ("sealed", "said"), [("%%%", "must be base64"), ("AAAA", "refused to decrypt")]
)
def test_what_is_no_sealed_key_is_refused(
    kms: Any, monkeypatch: pytest.MonkeyPatch, sealed: str, said: str
) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", sealed)

    with pytest.raises(ImproperlyConfigured, match=said):
        fetched(source())


def test_a_shorter_secret_is_no_root_key(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", AwsKms().seal(b"short"))

    with pytest.raises(ImproperlyConfigured, match="does not hold a root key of 32 bytes"):
        fetched(source())


def test_nobody_answers(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", AwsKms().seal(KEY))
    monkeypatch.setenv("STATEWARD_KMS_ENDPOINT", "http://127.0.0.1:1")

    with pytest.raises(ImproperlyConfigured, match=r"did not decrypt .* EndpointConn"):
        fetched(source())


def test_the_command_seals_the_key_in_use(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output = StringIO()
    call_command("rootkey", "seal", stdout=output)
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SEALED", output.getvalue().strip())

    assert fetched(source()) == configured.ROOT_KEY


def test_a_key_that_is_given_needs_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY", KEY.hex())

    assert isinstance(source(), Given)
    assert fetched(source()) == KEY


class Plugged:
    place = "a test"

    def fetch(self) -> bytes:
        return KEY


class Short:
    place = "a test"

    def fetch(self) -> bytes:
        return KEY[:31]


def test_a_plug_in_is_named_by_module_and_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SOURCE", f"{__name__}:Plugged")
    found: RootKeySource = source()

    assert (fetched(found), found.place) == (KEY, "a test")


@pytest.mark.parametrize("named", ["nonsense", "no.such.module:X", f"{__name__}:Missing"])
def test_a_source_that_is_none_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWARD_ROOT_KEY_SOURCE", named)

    with pytest.raises(ImproperlyConfigured, match="STATEWARD_ROOT_KEY_SOURCE"):
        source()


def test_a_truncated_key_is_refused_whoever_gives_it() -> None:
    with pytest.raises(ImproperlyConfigured, match="from a test is not 32 bytes"):
        fetched(Short())


def test_former_keys_stand_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bytes(reversed(KEY))
    written = f"{KEY.hex()}\n{base64.b64encode(other).decode()}"
    monkeypatch.setenv("STATEWARD_PREVIOUS_ROOT_KEYS", written)

    assert env.former_keys("STATEWARD_PREVIOUS_ROOT_KEYS") == [KEY, other]
    monkeypatch.setenv("STATEWARD_PREVIOUS_ROOT_KEYS", "abc")
    with pytest.raises(ImproperlyConfigured, match="must be 32 bytes"):
        env.former_keys("STATEWARD_PREVIOUS_ROOT_KEYS")
