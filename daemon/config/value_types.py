"""Kinds of values that settings have: owns how each is written and what is told of a wrong one; knows no setting."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_TARGET: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_TASK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORKER_MB_MIN: Final = 128
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
MEGABYTES_MAX: Final = 1_000_000_000_000
"""2^60 bytes: as bytes they fit the 64 bits of a database and of the kernel's limits."""
COUNT_MAX: Final = 1_000_000_000
"""What fits 32 bits, as the counts of the ledger are."""
SECONDS_MAX: Final = 2_000_000
"""23 days: in milliseconds they fit C's int, as which sockets, polls and PostgreSQL take them."""
KEPT_SECONDS_MAX: Final = 10_000_000_000
"""317 years, for what is only compared with the clock."""


def _no_boolean(value: object) -> object:
    """Refuse `true` where a number belongs, which pydantic would read as 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "{value} is not a number; write a number", {"value": str(value).lower()})
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _target(value: str) -> str:
    if not _TARGET.fullmatch(value):
        message = "{value} names no function; write module:function"
        raise PydanticCustomError("target", message, {"value": repr(value)})
    return value


def _task_name(value: str) -> str:
    if not _TASK_NAME.fullmatch(value):
        message = "{value} cannot be a part of a URL; use up to 64 letters, digits, dots, dashes and underscores"
        raise PydanticCustomError("task_name", message, {"value": repr(value)})
    return value


def _host(value: str) -> str:
    if value == "localhost" or _HOST.fullmatch(value):
        return value
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        message = "{value} is not a host; write a name or an address alone: the port has a key of its own"
        raise PydanticCustomError("host", message, {"value": repr(value)}) from None


def _enough_memory(value: int) -> int:
    if 0 < value < _WORKER_MB_MIN:
        message = "{value} MiB are too few for a worker; write at least {least}, or 0 for an automatic size"
        raise PydanticCustomError("memory", message, {"value": value, "least": _WORKER_MB_MIN})
    return value


def is_loopback(host: str) -> bool:
    """Say whether nobody but this machine is reached under an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def text_as(key: str) -> BeforeValidator:
    """Let a text alone stand for a mapping that has nothing but this key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


ANY_CASE: Final = BeforeValidator(_lower)
ONE_OR_MORE: Final = BeforeValidator(_listed)
"""A text alone stands for a list of one."""
Whole = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Automatic = Annotated[Whole, Field(ge=0, le=1000)]
"""A size; 0 lets Headgate choose it."""
WorkerMemory = Annotated[Whole, Field(ge=0, le=MEGABYTES_MAX), AfterValidator(_enough_memory)]
Megabytes = Annotated[Whole, Field(ge=1, le=MEGABYTES_MAX)]
Count = Annotated[Whole, Field(ge=1, le=COUNT_MAX)]
Seconds = Annotated[Number, Field(gt=0, le=SECONDS_MAX)]
SecondsOrZero = Annotated[Number, Field(ge=0, le=SECONDS_MAX)]
"""0 is a value like any other."""
KeptSeconds = Annotated[Number, Field(gt=0, le=KEPT_SECONDS_MAX)]
Percent = Annotated[Number, Field(gt=0, le=100)]
Port = Annotated[Whole, Field(ge=0, le=65535)]
Target = Annotated[str, AfterValidator(_target)]
TaskName = Annotated[str, AfterValidator(_task_name)]
Host = Annotated[str, AfterValidator(_host)]
