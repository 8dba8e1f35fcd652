"""Each file of bad_webs must give exactly the messages of its `.expected` file; and what a good one comes to."""

from __future__ import annotations

import ssl
from pathlib import Path

import bcrypt
import pytest
from certificates import Authority

from daemon.config.check import check
from daemon.config.web_yml import apply_tls, load_web_config
from ingest.spec.yaml_document import DocumentError

BAD = Path(__file__).parent / "bad_webs"


@pytest.fixture
def authority(tmp_path: Path, require_openssl: None) -> Authority:  # noqa: ARG001
    return Authority(tmp_path)


def messages(path: Path) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_web_config(path)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("case", sorted(BAD.glob("*.yml")), ids=lambda case: case.stem)
def test_bad_web_configuration_is_refused_in_these_words(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    found = [message.replace(f"{BAD}/", "") for message in messages(Path(case.name))]
    assert found == case.with_suffix(".expected").read_text().splitlines()
    assert "hunter2" not in "".join(found)


def test_the_upstream_example_of_every_key_is_taken(tmp_path: Path, authority: Authority) -> None:
    authority.issue("server", "DNS:localhost")
    path = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
    path.write_text(
        f"""
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: authority.pem
  client_allowed_sans: [prometheus]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_AES_128_GCM_SHA256
    - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
  prefer_server_cipher_suites: true
http_server_config:
  http2: true
  headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=60}}
basic_auth_users: {{alice: "{hashed}"}}
"""
    )
    config = load_web_config(path)
    assert config.authenticates
    assert set(config.files()) == {tmp_path / name for name in ("server.pem", "server.key", "authority.pem")}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    apply_tls(config, context)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    names = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}
    assert names == {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-SHA"}


def test_certificates_inline(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("server", "DNS:localhost")
    path = tmp_path / "web.yml"

    def block(file: Path) -> str:
        return "".join(f"    {line}\n" for line in file.read_text().splitlines())

    path.write_text(f"tls_server_config:\n  cert: |\n{block(pair.certificate)}  key: |\n{block(pair.key)}")
    path.chmod(0o644)
    [message] = messages(path)
    assert message.startswith(f"{path}:{3 + len(pair.certificate.read_text().splitlines())}: tls_server_config.key: ")
    assert message.endswith(f"the key in {path} can be read by others; run: chmod 600 {path}")
    path.chmod(0o600)
    config = load_web_config(path)
    assert not config.authenticates
    assert config.files() == ()


def test_a_key_that_others_can_read_or_that_belongs_to_another(tmp_path: Path, authority: Authority) -> None:
    authority.issue("server")
    other = authority.issue("other")
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: server.pem, key_file: other.key}")
    [message] = messages(path)
    assert "KEY_VALUES_MISMATCH" in message.upper().replace(" ", "_")
    other.key.chmod(0o644)
    [message] = messages(path)
    assert f"chmod 600 {other.key}" in message


@pytest.mark.parametrize(
    ("web", "refused"),
    [
        (None, True),
        ("http_server_config: {}", True),
        ("basic_auth_users: {}", True),
        ("basic_auth_users: {alice: HASH}", False),
    ],
)
def test_beyond_loopback_somebody_must_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, web: str | None, refused: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["exporter:", "  host: 0.0.0.0"]
    if web is not None:
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        (tmp_path / "web.yml").write_text(web.replace("HASH", f"'{hashed}'"))
        lines.append("  web_config_file: web.yml")
    (tmp_path / "headgate.yml").write_text("\n".join([*lines, "  anonymous: true"]))
    assert check(tmp_path / "headgate.yml", {}).problems == ()
    (tmp_path / "headgate.yml").write_text("\n".join(lines))
    problems = [str(problem) for problem in check(tmp_path / "headgate.yml", {}).problems]
    assert (["beyond loopback" in problem for problem in problems] == [True]) == refused
    assert bool(problems) == refused


def test_a_wrong_file_is_told_of_by_the_check(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("basic_auth_users:\n  alice: hunter2\n")
    (tmp_path / "headgate.yml").write_text("exporter: {web_config_file: web.yml}")
    [problem] = check(tmp_path / "headgate.yml", {}).problems
    assert (problem.file, problem.line, problem.key) == (str(tmp_path / "web.yml"), 2, "basic_auth_users.alice")
