"""The base of a specification's parts: frozen, and strict about keys; knows none of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of a specification: frozen, and with no keys but the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
