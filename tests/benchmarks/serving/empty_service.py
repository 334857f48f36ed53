"""The least that a service like ours does: a FastAPI mounted in BentoML that commits one row to SQLite per request."""

import os
from typing import Any

import bentoml
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import BaseModel

from models.store import open_store

api = FastAPI()
store = open_store(os.environ["LEVENSLOOP_BENCH_DATABASE"])
rows = sa.Table(
    "bench_rows", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String)
)


class Asked(BaseModel):
    """The same body as ours."""

    customer_id: str
    purpose: str


@api.post("/events")
def answer(asked: Asked) -> dict[str, Any]:
    """Commit one row and say so."""
    with store.write() as connection:
        rows.create(connection, checkfirst=True) if not made else None
        made.append(1)
        connection.execute(rows.insert(), {"text": asked.customer_id})
    return {"customer_id": asked.customer_id}


made: list[int] = []


class Worker:
    """Nothing of its own."""


EmptyService = bentoml.service(
    name="empty", workers=int(os.environ.get("LEVENSLOOP_BENCH_WORKERS", "2")), metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)(Worker)  # fmt: skip
EmptyService.mount_asgi_app(api, path="/v1")
