"""Django's cache as a table."""

import pytest
from django.core.cache import cache

from stateward.kernel.ids import uuid7

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def key() -> str:
    return f"test:{uuid7()}"


def test_what_is_set_is_got_until_it_is_deleted(key: str) -> None:
    assert cache.get(key, "none") == "none"
    cache.set(key, [1.5, "a"])
    assert cache.get(key) == [1.5, "a"]
    cache.set(key, 2, timeout=None)
    assert cache.get(key) == 2
    assert cache.delete(key)
    assert not cache.delete(key)
    assert cache.get(key) is None


def test_what_has_expired_is_not_there(key: str) -> None:
    cache.set(key, 1, timeout=-1)

    assert cache.get(key) is None
    assert cache.add(key, 2)
    assert not cache.add(key, 3)
    assert cache.touch(key, 60)
    cache.set(key, 1, timeout=-1)
    assert not cache.touch(key, 60)


def test_nothing_is_pickled(key: str) -> None:
    with pytest.raises(TypeError):
        cache.set(key, object())


def test_the_cache_can_be_emptied_and_forgets_the_expired(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stateward.tenancy.cache.CULL_ONE_IN", 1)
    cache.set(key, 1)
    cache.clear()

    assert cache.get(key) is None
