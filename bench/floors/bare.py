"""A floor: the bare statement behind bare ASGI, one connection pool, no governance at all."""

import os
from typing import Any

import orjson
from psycopg_pool import AsyncConnectionPool

pool = AsyncConnectionPool(
    os.environ["BENCH_DSN"],
    min_size=8,
    max_size=32,
    open=False,
    kwargs={"autocommit": True, "prepare_threshold": 0},
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await pool.open()
            else:
                await pool.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    key = scope["path"].rsplit("/", 1)[1]
    async with pool.connection() as connection:
        if scope["method"] == "PUT":
            value = orjson.dumps(orjson.loads((await receive())["body"])["value"]).decode()
            cursor = await connection.execute(
                "SELECT bench_put(1, %s::text, %s::jsonb, 1)", (key, value)
            )
        else:
            cursor = await connection.execute(
                "SELECT version, value::text FROM bench_entry WHERE namespace = 1 AND key = %s",
                (key,),
            )
        row = await cursor.fetchone()
    body = orjson.dumps({"version": row[0] if row else None})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
