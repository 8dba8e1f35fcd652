"""What is said of a JSON body of another form."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import ValidationError

from daemon.api.json_body import JSON, Sent, other_form, read_json
from daemon.api.problems import ProblemError


class _Texts(Sent):
    cells: list[str]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([1], "the body: a JSON object is wanted"),
        ({"cells": [1]}, "cells.0: Input should be a valid string"),
        ({"cells": [], "cell": 1}, "cell: Extra inputs are not permitted"),
    ],
)
def test_the_place_and_what_is_wanted_are_told_and_no_class_of_ours(sent: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Texts.model_validate(sent)
    assert other_form(caught.value).detail == said


REQUEST = make_mocked_request("POST", "/", {"Content-Type": JSON})


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (rb'["\ud83d\ude00"]', ["\U0001f600"]),
        (rb'["C:\\ud800"]', ["C:\\ud800"]),
        (rb'["\\\ud83d\ude00"]', ["\\\U0001f600"]),
        (rb'["\u00d8"]', ["Ø"]),
        ('["表"]'.encode("utf-16"), ["表"]),
        (b'\xef\xbb\xbf["a"]', ["a"]),
    ],
)
def test_whole_characters_are_read(body: bytes, sent: Any) -> None:
    assert read_json(REQUEST, body) == sent


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rb'["\ud800"]', "half of a character"),
        (rb'{"a": {"\uDE00\ud83d": 1}}', "half of a character"),
        (rb'{"\ud800": 1, "\ud800": 2}', "half of a character"),
        (b'["\xed\xa0\x80"]', "not JSON"),
        (b'{"a": {"b": 1, "b": 2}}', "b is given twice"),
    ],
)
def test_what_nobody_could_write_down_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        read_json(REQUEST, body)
