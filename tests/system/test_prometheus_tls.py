"""A real Prometheus scrapes a real daemon that asks for a certificate and a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
import yaml
from certificates import Authority
from prometheus_server import running_prometheus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate


@pytest.mark.usefixtures("require_openssl")
def test_prometheus_is_let_in_by_certificate_and_password(
    sqlite_headgate: Headgate, prometheus_binary: Path, free_port: Callable[[], int], tmp_path: Path
) -> None:
    headgate = sqlite_headgate
    authority = Authority(tmp_path)
    authority.issue("server", "IP:127.0.0.1")
    client = authority.issue("prometheus", "DNS:prometheus")
    web = {
        "tls_server_config": {
            "cert_file": "server.pem",
            "key_file": "server.key",
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": "authority.pem",
            "client_allowed_sans": ["prometheus"],
        },
        "basic_auth_users": {"prometheus": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()},
    }
    (tmp_path / "web.yml").write_text(yaml.safe_dump(web))
    headgate.settings["exporter"]["web_config_file"] = "web.yml"
    headgate.write_config()
    password = tmp_path / "password"
    password.write_text("wrong")

    def over_tls(config: dict[str, Any]) -> None:
        config["scrape_configs"][0] |= {
            "scheme": "https",
            "tls_config": {
                "ca_file": str(authority.own.certificate),
                "cert_file": str(client.certificate),
                "key_file": str(client.key),
            },
            "basic_auth": {"username": "prometheus", "password_file": str(password)},
        }

    process = headgate.start()
    target = headgate.exporter_url.removeprefix("http://")
    with running_prometheus(
        prometheus_binary, tmp_path, target=target, port=free_port(), change=over_tls
    ) as prometheus:

        def state() -> tuple[str, str]:
            targets = prometheus.ask("targets")["activeTargets"]
            return (targets[0]["health"], targets[0]["lastError"]) if targets else ("unknown", "")

        headgate.until(lambda: "401" in state()[1], "the wrong password is refused", process=process, problem=state)
        password.write_text("right")
        headgate.until(lambda: state()[0] == "up", "the right one is not", process=process, problem=state)
        assert prometheus.query("headgate_build_info")[0]["value"][1] == "1"
    assert headgate.get(headgate.exporter_url.replace("http", "https") + "/metrics")[0] == 0, "without a certificate"
    assert headgate.stop(process) == 0
