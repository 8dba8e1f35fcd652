"""Small bodies of requests, most of them JSON: owns how they are read and bounded."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ingest.messages import say

from .expectation import let_body_come
from .problems import ProblemError

if TYPE_CHECKING:
    from aiohttp import web

JSON: Final = "application/json"
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""What may be half of a character: it is whole where its other half stands beside it (RFC 8259, 7)."""


class Sent(BaseModel):
    """What is held to its schema: nothing is converted, nothing passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)


Body = TypeVar("Body", bound=Sent)


async def read_body(request: web.Request, bytes_max: int, what: str, *, seconds: float | None = None) -> bytes:
    """Return the whole body; ProblemError 413 if it is larger, in which `what` says of what it is too much.

    With `seconds`, ProblemError 408 if it has not come by then.
    """
    if (request.content_length or 0) > bytes_max:
        raise _too_large(bytes_max, what)
    await let_body_come(request)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise _too_large(bytes_max, what)
    except TimeoutError:
        raise ProblemError(408, say("the body did not come in time"), headers={"Connection": "close"}) from None
    return bytes(body)


def read_json(request: web.Request, body: bytes) -> Any:
    """Return what a body holds; ProblemError 415 if it is said to be something else, 400 if it is no JSON.

    400 also where an object has a key twice, of which only one could count, or a text half of a character, which no
    answer, table or file could hold.
    """
    if request.content_type != JSON:
        raise ProblemError(415, say("send the body as {type}", type=JSON))
    twice: list[str] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return found

    try:
        text = body.decode(json.detect_encoding(body))
        sent = json.loads(text, object_pairs_hook=object_of)
        if _HALF.search(text):
            json.dumps([sent, twice], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        hint = say("write the whole character, or remove it")
        raise ProblemError(400, say("the body has half of a character"), hint=hint) from None
    except (ValueError, RecursionError):
        raise ProblemError(400, say("the body is not JSON")) from None
    if twice:
        raise ProblemError(400, say("{name} is given twice", name=twice[0]), hint=say("give it once"))
    return sent


async def read_sent(request: web.Request, body: type[Body], bytes_max: int, what: str) -> Body:
    """Return the JSON body of a request; ProblemError 400 if it has another form, else as `read_body`, `read_json`."""
    sent = read_json(request, await read_body(request, bytes_max, what))
    try:
        return body.model_validate(sent)
    except ValidationError as error:
        raise other_form(error) from error


def other_form(error: ValidationError) -> ProblemError:
    """Return the first thing that is wrong with the form of a body as a problem."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    # Pydantic would name the class of ours that it is checked by.
    wanted = "a JSON object is wanted" if first["type"] == "model_type" else first["msg"]
    return ProblemError(400, f"{where}: {wanted}")


def _too_large(bytes_max: int, what: str) -> ProblemError:
    return ProblemError(413, say("{what} of at most {limit} KiB are taken", what=what, limit=bytes_max >> 10))
