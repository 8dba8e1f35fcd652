"""Values that stand in no cell: cut out of the file's path or the sheet's name, or given by the dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import rejected
from ..messages import say

if TYPE_CHECKING:
    from ..spec.dataset import Constant


def constant_text(name: str, rule: Constant, path: str, sheet: str) -> str:
    """Return the text of a constant for a file handed in as `path` and one of its sheets.

    Raises:
        FileRejectedError: `header.missing_required`: the path or the name is not of the declared form.

    """
    if rule.value is not None:
        return rule.value
    text = path if rule.from_ == "path" else sheet
    if rule.regex is None:
        return text
    match = re.search(rule.regex, text)
    if match is None or (match.re.groups and match[1] is None):
        about = {"name": name, "text": repr(text), "regex": repr(rule.regex)}
        message = (
            say("the constant {name} is not to be found: the path {text} does not match {regex}", **about)
            if rule.from_ == "path"
            else say("the constant {name} is not to be found: the sheet {text} does not match {regex}", **about)
        )
        hint = say("hand the file in under such a path") if rule.from_ == "path" else say("name the sheet so")
        raise rejected("header.missing_required", message, hint=hint, sheet=sheet)
    return match[1] if match.re.groups else match[0]
