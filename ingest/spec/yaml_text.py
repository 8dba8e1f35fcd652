"""Values as YAML text on one line: owns which scalars want quotes, by the rules of YAML 1.1 and of 1.2."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from .yaml_document import IMPLICIT

_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """PyYAML's own dumper, that also quotes what only YAML 1.2 takes for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the name and the argument are PyYAML's
        return True


for _tag, _pattern, _first in IMPLICIT:
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Line ends and what is not printable stand as escapes, so that every value is one line.
    style = '"' if _NOT_PLAIN.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def inline(value: Any) -> str:
    """Return a value in YAML's flow style, on one line; any loader of YAML 1.1 or 1.2 reads it as it was."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf
    )
    return text.removesuffix("\n").removesuffix("\n...")


def quoted(text: str) -> str:
    """Return a text in double quotes on one line, so that it can stand in a comment, too."""
    node = yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')
    found: str = yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=math.inf)
    return found.removesuffix("\n")
