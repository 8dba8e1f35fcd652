"""Alerts on sources: their causes are made, their runbooks followed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from storage_servers import PLACES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)


def test_a_source_that_refuses(
    called: Called, sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    gate = sqlite_headgate
    with PLACES["sftp"](tmp_path) as place:
        file = place.credentials_file
        assert file is not None
        right = file.read_text()
        file.write_text('username: "shop"\npassword: "yesterday\'s"\n')
        gate.settings["intake"] = {
            "sources": [
                {
                    "name": "shop",
                    "url": place.url,
                    "options": place.options,
                    "credentials_file": str(file),
                    "poll_seconds": 0.5,
                    "settle_seconds": 0,
                }
            ]
        }
        gate.write_config()
        place.put("orders-1.xlsx", orders(tmp_path / "orders-1.xlsx", 5).read_bytes())
        with called("HeadgateSourceFailing") as operator:
            operator.is_called()
            operator.reads("`source not read`")
            gate.tells("source not read")
            operator.reads("`refused`: the credentials or their rights; correct the credentials file and reload")
            gate.tells("kind=refused")
            file.write_text(right)
            assert operator.process is not None
            operator.process.send_signal(signal.SIGHUP)
            operator.is_done()
            gate.until(lambda: gate.all_loaded(1), "what lies in it is taken", process=operator.process)
