"""Where a command finds its daemon."""

from __future__ import annotations

import pytest

from daemon.cli.invocation import reached_at


@pytest.mark.parametrize(
    ("listens_on", "reached"),
    [
        (".".join("0000"), "127.0.0.1"),
        ("::", "::1"),
        ("0:0:0:0:0:0:0:0", "::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("fd00::5", "fd00::5"),
        ("sidecar.internal", "sidecar.internal"),
    ],
)
def test_a_daemon_on_all_addresses_is_reached_on_the_loopback(listens_on: str, reached: str) -> None:
    assert reached_at(listens_on) == reached
