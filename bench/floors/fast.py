"""A floor: the same behind FastAPI, as its documentation shows it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

pool = AsyncConnectionPool(
    os.environ["BENCH_DSN"],
    min_size=8,
    max_size=32,
    open=False,
    kwargs={"autocommit": True, "prepare_threshold": 0},
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await pool.open()
    yield
    await pool.close()


application = FastAPI(lifespan=lifespan)


class Body(BaseModel):
    value: dict[str, Any]


@application.put("/entries/{key}")
async def put(key: str, body: Body) -> dict[str, Any]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT bench_put(1, %s::text, %s, 1)", (key, Jsonb(body.value))
        )
        row = await cursor.fetchone()
    return {"version": row[0] if row else None}


@application.get("/entries/{key}")
async def get(key: str) -> dict[str, Any]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT version, value FROM bench_entry WHERE namespace = 1 AND key = %s", (key,)
        )
        row = await cursor.fetchone()
    return {"version": row[0], "value": row[1]} if row else {}
