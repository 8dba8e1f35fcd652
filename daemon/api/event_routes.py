"""Server-sent events of jobs: owns the form of the stream and who sees what; the feed owns order and completeness."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ingest.messages import say

from ..ledger.reasons import told_reason
from .auth import PRINCIPAL
from .event_feed import ListenerBehindError
from .languages import language_headers, language_of
from .problems import ProblemError
from .routes import Answer, Parameter, Route
from .schemas import EVENT_STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ledger.queries import JobEvent
    from .auth import Authenticator
    from .event_feed import EventFeed

logger = logging.getLogger(__name__)

STREAMS_MAX: Final = 200
COMMENT_SECONDS: Final = 15.0
"""Below the idle time-outs of proxies."""
RETRY_MILLISECONDS: Final = 2000
ID_DIGITS: Final = 18


class EventRoutes:
    """GET /api/v1/events."""

    def __init__(self, feed: EventFeed, authenticator: Authenticator) -> None:
        self._feed, self._authenticator = feed, authenticator
        self._streams = 0

    def routes(self) -> Sequence[Route]:
        """Return the route."""
        return (
            Route(
                method="GET",
                path="/api/v1/events",
                handler=self._events,
                roles=("read", "submit"),
                summary="Follow what happens to jobs, as server-sent events",
                parameters=(
                    Parameter(
                        name="Last-Event-ID",
                        place="header",
                        description="Go on after this event; without it the stream begins now.",
                        schema={"type": "string", "pattern": f"^[0-9]{{1,{ID_DIGITS}}}$"},
                    ),
                ),
                answers={
                    200: Answer(
                        description="An endless stream; each event's `data` is a JSON object.",
                        content={"text/event-stream": EVENT_STREAM},
                    )
                },
            ),
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        text = request.headers.get("Last-Event-ID", "")
        if text and not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS):
            raise ProblemError(400, say("Last-Event-ID is the id of an event"))
        if self._streams >= STREAMS_MAX:
            raise ProblemError(503, say("too many event streams are open"), headers={"Retry-After": "5"})
        self._streams += 1
        try:
            return await self._stream(request, int(text) if text else None)
        finally:
            self._streams -= 1

    async def _stream(self, request: web.Request, after: int | None) -> web.StreamResponse:
        owner, language = request[PRINCIPAL].owner, language_of(request)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                **language_headers(language),
            }
        )
        tokens = self._authenticator.changes
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        # Told at once where it begins, a listener that is lost before its first event can resume too.
        begin = self._feed.position if after is None else after
        await response.write(f"retry: {RETRY_MILLISECONDS}\nid: {begin}\n\n".encode())
        # A listener that is behind or gone comes back with its last id.
        with suppress(ListenerBehindError, ConnectionError):
            async with aclosing(_with_pauses(self._feed.listen(begin))) as events:
                async for event in events:
                    if tokens != self._authenticator.changes:
                        if not self._authenticator.still_lets_in(request):
                            logger.info("event stream ended, its token is gone", extra={"by": request[PRINCIPAL].name})
                            break
                        tokens = self._authenticator.changes
                    if event is None:
                        await response.write(b": still here\n\n")
                    elif owner is None or event.submitter == owner:
                        await response.write(_encoded(event, language))
        return response


async def _with_pauses(events: AsyncGenerator[JobEvent, None]) -> AsyncGenerator[JobEvent | None, None]:
    """Yield the events, and None whenever none has come for a while."""
    pending: asyncio.Task[JobEvent] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({pending}, timeout=COMMENT_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield event
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait({pending})
        await events.aclose()


def _encoded(event: JobEvent, language: str) -> bytes:
    fields = {**asdict(event), "detail": told_reason(event.detail, language)}
    number = fields.pop("id")
    return f"id: {number}\nevent: job\ndata: {json.dumps(fields, ensure_ascii=False)}\n\n".encode()
