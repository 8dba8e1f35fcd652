"""Requests that are almost right: one for every route, and how each is spoilt; owns no connection and no verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SEASONING = (
    *(b"%00", b"%0d%0aX: y", b"../", b"..%2f", b"'", b'"', b";--", b"\x00", b"\xff\xfe", b"\r\n", b"\r\n\r\n", b"&"),
    *(b"=", b"%", b"{}", b"[]", b"9" * 30, b"-1", b"1e309", b"null", "订单".encode(), b"${x}", b"{{7*7}}", b"<script>"),
    *(
        b"A" * 9000,
        b"chunked",
        b"gzip",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Range: bytes=0-\r\n",
    ),
    *(b"Cookie: headgate=x\r\n", b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"),
)


def seeds(token: str, book: bytes) -> list[bytes]:
    """Return a right request for each route."""
    common = f" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n".encode()
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="orders.xlsx"\r\n\r\n'
        + book[:200]
        + b"\r\n--b--\r\n"
    )
    lines = [
        b"GET /api/v1/jobs?limit=5&state=loaded&dataset=orders&text=a&cursor=9",
        b"GET /api/v1/jobs/1",
        b"GET /api/v1/jobs/1/rejects?format=json&limit=1&cursor=1",
        b"GET /api/v1/jobs/1/rejects?format=csv",
        b"GET /api/v1/jobs/1/rejects/rows?sheet=a&limit=1&cursor=1",
        b"POST /api/v1/jobs/1/rejects/check",
        b"POST /api/v1/jobs/1/rejects/corrected",
        b"POST /api/v1/jobs/1/retry",
        b"POST /api/v1/jobs/1/cancel",
        b"GET /api/v1/datasets",
        b"GET /api/v1/openapi.json",
        b"GET /api/v1/system/resource-usage",
        b"GET /",
        b"GET /login",
        b"POST /-/reload",
    ]
    made = [line + common + b"\r\n" for line in lines]
    made.append(b"GET /api/v1/events" + common + b"Last-Event-ID: 1\r\n\r\n")
    for content_type, body in ((b"application/octet-stream", book), (b"multipart/form-data; boundary=b", form)):
        made.append(
            b"POST /api/v1/jobs?dataset=orders&name=orders.xlsx&fixes=1"
            + common
            + b"Idempotency-Key: k\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (content_type, len(body))
            + body
        )
    made.append(
        b"POST /api/v1/tasks/echo"
        + common
        + b'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"args": [1]}'
    )
    return made


def mutated(request: bytes, dice: random.Random) -> bytes:
    """Change a request in one to four places, more often in its head, where it is read most closely."""
    changed = bytearray(request)
    for _ in range(dice.randint(1, 4)):
        reach = len(changed) if dice.random() < 0.3 else min(len(changed), 300)
        at = dice.randrange(reach)
        match dice.randrange(5):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : at + dice.randint(1, 20)]
            case 2:
                changed[at:at] = dice.choice(SEASONING)
            case 3:
                changed[at:at] = changed[at : at + dice.randint(1, 50)]
            case _:
                spaces = [place.start() for place in re.finditer(rb"[=/ ]", bytes(changed[:300]))] or [at]
                place = dice.choice(spaces) + 1
                changed[place:place] = dice.choice(SEASONING)
        if not changed:
            return b"\r\n"
    return bytes(changed)
