"""What is said of a JSON body of another form."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.api.json_body import Sent, other_form


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
