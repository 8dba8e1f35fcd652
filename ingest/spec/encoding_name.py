"""Names of encodings, as Python has them; decodes nothing."""

from __future__ import annotations


def is_text_encoding(name: str) -> bool:
    """Say whether Python knows an encoding of texts by a name."""
    try:
        b"x".decode(name)
    except UnicodeDecodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True
