"""The page behind a real nginx that ends TLS, as docs/security.md says it: people sign in, the cookie is safe."""

from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

NGINX = """\
worker_processes 1;
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_request_buffering off;
      proxy_buffering off;
    }}
  }}
}}
"""


@pytest.mark.usefixtures("require_openssl")
def test_people_sign_in_through_nginx(
    sqlite_headgate: Headgate, nginx_binary: Path, free_port: Callable[[], int], tmp_path: Path
) -> None:
    headgate, port = sqlite_headgate, free_port()
    folder = tmp_path / "nginx"
    folder.mkdir()
    authority = Authority(folder)
    pair = authority.issue("localhost", "DNS:localhost")
    upstream = headgate.settings["api"]["port"]
    text = NGINX.format(folder=folder, port=port, certificate=pair.certificate, key=pair.key, upstream=upstream)
    (folder / "nginx.conf").write_text(text)
    headgate.settings["api"]["public_url"] = f"https://localhost:{port}"
    headgate.write_config()
    process = headgate.start_ready()
    proxy = subprocess.Popen([str(nginx_binary), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        context = ssl.create_default_context(cafile=str(authority.own.certificate))

        def sign_in(token: str, origin: str) -> tuple[int, str]:
            connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
            connection.request(
                "POST",
                "/login",
                body=urlencode({"token": token}),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": origin},
            )
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status, answer.headers.get("Set-Cookie", "")

        deadline = time.monotonic() + 20
        while (folder / "nginx.pid").exists() is False and time.monotonic() < deadline:
            time.sleep(0.05)
        status, cookie = sign_in(headgate.token, f"https://localhost:{port}")
        assert status == 303
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert sign_in(headgate.token, "https://elsewhere.example.com")[0] == 403
        assert sign_in(headgate.token, "null")[0] == 403
        assert sign_in("wrong", f"https://localhost:{port}")[0] == 401
        told = headgate.log.read_text()
        assert "the form came from https://elsewhere.example.com" in told
        assert "unknown token" in told
        assert headgate.token not in told
    finally:
        proxy.terminate()
        proxy.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    assert headgate.stop(process) == 0
