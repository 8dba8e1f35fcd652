"""From whom messages are taken: the allow-list, and what the mail server says of a sender's authenticity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import authres

if TYPE_CHECKING:
    from collections.abc import Collection

    from .head import Head

_DOMAINS: Final = {
    "dmarc": ("header", "from"),
    "dkim": ("header", "d"),
    "spf": ("smtp", "mailfrom"),
}
"""Of each method the property that has the domain which it is about (RFC 8601, 2.7)."""


def is_allowed(sender: str, allowed: Collection[str]) -> bool:
    """Say whether an address, or everybody of its domain, is in the allow-list; both are in lower case."""
    _, _, domain = sender.rpartition("@")
    return sender in allowed or f"@{domain}" in allowed


def is_authentic(head: Head, authserv_id: str) -> bool:
    """Say whether the server of that name found the domain of the sender authentic, by DMARC, DKIM or SPF.

    Only fields by that name count. That others cannot write one is the server's affair: it must take away those that
    come with a message (RFC 8601, 5).
    """
    domain = head.sender.rpartition("@")[2]
    return any(
        result.result == "pass" and _is_about(domain, result)
        for value in head.authentication
        for result in _results(value, authserv_id)
    )


def _results(value: str, authserv_id: str) -> list[Any]:
    try:
        parsed = authres.AuthenticationResultsHeader.parse_value(value)
    except (authres.AuthResError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
    if str(parsed.authserv_id).casefold() != authserv_id.casefold():
        return []
    return [result for result in parsed.results or () if result.method in _DOMAINS]


def _is_about(domain: str, result: Any) -> bool:
    kind, name = _DOMAINS[result.method]
    found = next((str(one.value) for one in result.properties if (one.type, one.name) == (kind, name)), "")
    if result.method == "dkim" and not found:
        found = next((str(one.value) for one in result.properties if (one.type, one.name) == ("header", "i")), "")
    about = found.rpartition("@")[2].casefold().rstrip(".")
    return bool(about) and (domain == about or domain.endswith(f".{about}"))
