"""A value of a YAML document replaced where it stands: the rest, comments too, stays as somebody wrote it."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import yaml

from .yaml_document import DocumentError, key_path, parse_yaml
from .yaml_text import inline

if TYPE_CHECKING:
    from .yaml_document import Location


def edited(text: str, location: Location, value: Any) -> str:
    """Return the document with another value at a location; None takes it away, what is not there yet is put there.

    What is written anew, on one line, is the key of the document that the location lies in, or the item of its list:
    `("fields", 3, "type")` writes the fourth field. Comments within that are lost.

    Raises:
        DocumentError: the text is no YAML of keys and values.
        LookupError: the location leads nowhere, or the text is written so that it cannot be changed by itself.

    """
    document = parse_yaml(text, "the dataset")
    in_list = len(location) > 1 and isinstance(location[1], int)
    written = location[: 1 + in_list]
    data = copy.deepcopy(dict(document.data))
    _put(data, location, value)
    found: Any = data
    for part in written:
        found = found.get(part) if isinstance(found, dict) else found[part]
    new = _written(text, written, found)
    # An alias or an anchor means more places than one; whatever else is odd shows in the result, too.
    with suppress(DocumentError):
        if parse_yaml(new, document.source).data == data:
            return new
    raise LookupError(f"{key_path(location)} cannot be changed alone: change the text")


def _written(text: str, location: Location, value: Any) -> str:
    node = _node(text, location)
    if node is None:
        return text if value is None else f"{text.rstrip()}\n{location[0]}: {inline(value)}\n"
    if value is None:
        return _without_lines(text, node, str(location[0]))
    start = node.start_mark.index
    return f"{text[:start]}{' ' if text[start - 1] == ':' else ''}{inline(value)}{text[_end(node) :]}"


def _put(data: Any, location: Location, value: Any) -> None:
    """Put a value at a location of plain data, or take it away; mappings on the way are made, and go when empty."""
    here, *rest = location
    if isinstance(data, list) and isinstance(here, int) and rest and 0 <= here < len(data):
        _put(data[here], tuple(rest), value)
    elif not isinstance(data, dict) or not isinstance(here, str):
        raise LookupError(f"there is nothing to change at {key_path(location)}")
    elif rest:
        inner = data[here] = {} if data.get(here) is None else data[here]
        _put(inner, tuple(rest), value)
        if inner == {}:
            del data[here]
    elif value is None:
        data.pop(here, None)
    else:
        data[here] = value


def _node(text: str, location: Location) -> yaml.Node | None:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        else:
            return None
    return node


def _end(node: yaml.Node) -> int:
    """Return where a node ends; of one in block style PyYAML says where the next one begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _without_lines(text: str, node: yaml.Node, key: str) -> str:
    """Take a key of the document away, with its lines and what is noted behind them."""
    start = text.rfind(f"{key}:", 0, node.start_mark.index + 1)
    line_end = text.find("\n", _end(node))
    return text[:start] + ("" if line_end < 0 else text[line_end + 1 :])
