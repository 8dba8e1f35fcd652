"""The base of a specification's parts: frozen, and strict about keys; knows none of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of a specification: frozen, and with no keys but the declared ones.

    What checks a part is built when one is checked first: a worker, which is handed checked ones, never pays for it.
    For the same reason a default is a part made by `model_construct`, which checks nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
