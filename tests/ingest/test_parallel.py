"""Work that two threads share: order, errors, and that nothing is held that is done with."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ingest import parallel
from ingest.parallel import ahead, allow_threads, beside, each

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    allow_threads(2)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> int:
    """So many threads are allowed."""
    allow_threads(request.param)
    return int(request.param)


class Part:
    """What work is given, and can be seen to be let go."""


def _in_thread(_: object) -> str:
    return threading.current_thread().name


def test_results_come_in_order_by_as_many_threads_as_are_allowed(threads: int) -> None:
    places = range(20)
    assert each(str, places, parallel.WORTH_CELLS) == list(ahead(str, places)) == list(map(str, places))
    own = threading.current_thread().name
    for names in (each(_in_thread, places, parallel.WORTH_CELLS), list(ahead(_in_thread, places))):
        assert (own in names) == (threads == 1)
    assert {*each(_in_thread, places, parallel.WORTH_CELLS - 1)} == {own}


def test_what_is_beside_is_done_or_fails_when_it_is_asked_for(threads: int) -> None:
    with beside(partial(_in_thread, None)) as name:
        assert (name() == threading.current_thread().name) == (threads == 1)
    with pytest.raises(ZeroDivisionError), beside(lambda: 1 // 0) as result:
        result()


def _refused(part: Part) -> None:
    raise ValueError(repr(part))


def _read(part: Part) -> None:
    with beside(partial(_refused, part)) as result:
        del part
        result()


def test_an_error_beside_holds_nothing_once_it_was_handled() -> None:
    part = Part()
    seen = weakref.ref(part)
    gc.disable()
    try:
        with pytest.raises(ValueError, match="Part"):
            _read(part)
        del part
        assert seen() is None
    finally:
        gc.enable()
