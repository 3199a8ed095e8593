"""Django's cache as a table of JSON: shared by all processes, there without Redis, and never
unpickled.

What is in it may be lost at any time (the table is unlogged): counts of sign-in attempts, and
what allauth remembers for minutes.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection

GET = "SELECT value FROM stateward_cache WHERE cache_key = %s AND expires > clock_timestamp()"
SET = """
INSERT INTO stateward_cache (cache_key, value, expires)
VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires
"""
ADD = SET + " WHERE stateward_cache.expires <= clock_timestamp() RETURNING 1"
TOUCH = """
UPDATE stateward_cache SET expires = clock_timestamp() + make_interval(secs => %s)
WHERE cache_key = %s AND expires > clock_timestamp() RETURNING 1
"""
DELETE = "DELETE FROM stateward_cache WHERE cache_key = %s RETURNING 1"
CULL = "DELETE FROM stateward_cache WHERE expires <= clock_timestamp()"
CULL_ONE_IN = 64
FOREVER = 365 * 24 * 3600.0


class TableCache(BaseCache):
    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        rows = self._execute(GET, (self.make_and_validate_key(key, version),))
        return json.loads(rows[0][0]) if rows else default

    def set(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        place = self.make_and_validate_key(key, version)
        self._execute(SET, (place, json.dumps(value), self._seconds(timeout)))
        if secrets.randbelow(CULL_ONE_IN) == 0:
            self._execute(CULL, ())

    def add(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        place = self.make_and_validate_key(key, version)
        return bool(self._execute(ADD, (place, json.dumps(value), self._seconds(timeout))))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        place = self.make_and_validate_key(key, version)
        return bool(self._execute(TOUCH, (self._seconds(timeout), place)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._execute(DELETE, (self.make_and_validate_key(key, version),)))

    def clear(self) -> None:
        self._execute("DELETE FROM stateward_cache", ())

    def _seconds(self, timeout: Any) -> float:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return FOREVER if seconds is None else float(seconds)

    def _execute(self, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
