"""The exporter's web configuration, in the form of Prometheus's exporter-toolkit: owns its keys and its TLS context."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import bcrypt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ingest.spec.yaml_document import Document, DocumentError, Problem, problems_of, read_yaml

VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
ASKING: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""What is asked of clients; Go's other two ask for certificates and believe them unseen."""
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""Headers that may be set, and their values where these are few."""

FILES: Final = ("cert_file", "key_file", "client_ca_file")

_TLS: Final = ("tls_server_config",)
_GO_SUITE: Final = re.compile(r"TLS_(ECDHE)_(ECDSA|RSA)_WITH_(AES_128|AES_256|CHACHA20)_(.+)")
_TLS13_SUITES: Final = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
_ENDS: Final = {
    "CBC_SHA": "SHA",
    "GCM_SHA256": "GCM-SHA256",
    "GCM_SHA384": "GCM-SHA384",
    "POLY1305": "POLY1305",
    "POLY1305_SHA256": "POLY1305",
}


def _hash(value: str) -> str:
    """Refuse what is no hash of bcrypt, without repeating it: it may be a password."""
    try:
        bcrypt.checkpw(b"", value.encode())
    except ValueError:
        message = "the password is not hashed with bcrypt; write what this prints: htpasswd -nBC 10 '' | tr -d ':\\n'"
        raise PydanticCustomError("bcrypt", message) from None
    return value


def _suite(value: str) -> str:
    if value in _TLS13_SUITES or _openssl_suite(value):
        return value
    message = "{value} is not a cipher suite that is secure; write one of Go's crypto/tls.CipherSuites"
    raise PydanticCustomError("suite", message, {"value": value})


def _openssl_suite(name: str) -> str | None:
    """Return OpenSSL's name of a suite of TLS 1.2 by Go's name."""
    parts = _GO_SUITE.fullmatch(name)
    if parts is None or parts[4] not in _ENDS:
        return None
    exchange, signature, cipher, end = parts.groups()
    return f"{exchange}-{signature}-{cipher.replace('_', '')}-{_ENDS[end]}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsServer(_Part):
    """`tls_server_config`: certificates inline or in files, who must show one, and what is spoken."""

    cert: str | None = None
    key: str | None = Field(default=None, repr=False)
    client_ca: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_suite)], ...] = ()
    prefer_server_cipher_suites: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        for name, needed in (("cert", True), ("key", True), ("client_ca", self.asks_for_certificates)):
            given = [getattr(self, name), getattr(self, f"{name}_file")]
            if all(given):
                raise PydanticCustomError("tls", f"{name} and {name}_file are two ways to say the same; keep one")
            if needed and not any(given):
                raise PydanticCustomError("tls", f"there is neither {name} nor {name}_file; write one of them")
        if not self.asks_for_certificates and (self.client_ca or self.client_ca_file):
            message = "client certificates have an authority, but nobody must show one; "
            raise PydanticCustomError("tls", message + "set client_auth_type: RequireAndVerifyClientCert")
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            message = "client_allowed_sans needs a certificate to look at; "
            raise PydanticCustomError("tls", message + "set client_auth_type: RequireAndVerifyClientCert")
        if self.min_version > self.max_version:
            raise PydanticCustomError("tls", "min_version is above max_version; lower it")
        return self

    @property
    def asks_for_certificates(self) -> bool:
        """Whether clients may or must show a certificate."""
        return self.client_auth_type != "NoClientCert"


class HttpServer(_Part):
    """`http_server_config`: headers that every answer has. HTTP/2 is not spoken, and clients do without."""

    http2: bool = True
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, value in self.headers.items():
            if name not in HEADERS:
                raise PydanticCustomError("header", f"{name} cannot be set; write one of {', '.join(HEADERS)}")
            if HEADERS[name] and value not in HEADERS[name]:
                raise PydanticCustomError("header", f"{name} has no such value; write {' or '.join(HEADERS[name])}")
        return self


class WebConfig(_Part):
    """A whole web.yml."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Annotated[str, AfterValidator(_hash)]] = Field(default_factory=dict, repr=False)

    @property
    def authenticates(self) -> bool:
        """Whether nobody unknown gets an answer."""
        tls = self.tls_server_config
        return bool(self.basic_auth_users) or (tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert")

    def files(self) -> tuple[Path, ...]:
        """Return the files that it names."""
        tls = self.tls_server_config
        named = () if tls is None else [getattr(tls, name) for name in FILES]
        return tuple(path for path in named if path is not None)


def load_web_config(path: Path) -> WebConfig:
    """Return a web.yml with absolute paths, its certificates tried. Blocking.

    Raises:
        DocumentError: something is wrong, with every problem.

    """
    document = read_yaml(path)
    try:
        config = WebConfig.model_validate(document.data)
    except ValidationError as error:
        raise DocumentError(problems_of(error, document, WebConfig)) from None
    tls = config.tls_server_config
    if tls is None:
        return config
    folder = path.absolute().parent
    absolute = {name: folder / file for name in FILES if (file := getattr(tls, name)) is not None}
    problems = list(_unusable_files(document, path, tls, absolute))
    if problems:
        raise DocumentError(problems)
    config = config.model_copy(update={"tls_server_config": tls.model_copy(update=absolute)})
    try:
        apply_tls(config, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except OSError as error:  # an SSLError is one too
        reason = getattr(error, "reason", None) or error.strerror
        remedy = "name PEM files: a certificate chain, and the unencrypted key that belongs to it"
        raise DocumentError([document.problem(_TLS, f"certificates cannot be used ({reason})", remedy)]) from error
    return config


def _unusable_files(document: Document, path: Path, tls: TlsServer, files: Mapping[str, Path]) -> Iterator[Problem]:
    for name, file in files.items():
        if not os.access(file, os.R_OK):
            yield document.problem((*_TLS, name), f"{file} cannot be read", "create it, or correct the path")
    secret = files.get("key_file", path) if tls.key is None else path
    if secret.exists() and secret.stat().st_mode & 0o077:
        place = (*_TLS, "key" if secret == path else "key_file")
        yield document.problem(place, f"the key in {secret} can be read by others", f"run: chmod 600 {secret}")


def apply_tls(config: WebConfig, context: ssl.SSLContext) -> None:
    """Put certificates, versions and ciphers into a context: of a server that runs, they count for new connections.

    Raises:
        OSError: a file cannot be read or used.

    """
    tls = config.tls_server_config
    if tls is None:
        return
    context.minimum_version, context.maximum_version = VERSIONS[tls.min_version], VERSIONS[tls.max_version]
    with _in_files(tls) as (certificate, key):
        context.load_cert_chain(certificate, key)
    if tls.asks_for_certificates:
        context.load_verify_locations(tls.client_ca_file, cadata=tls.client_ca)
    context.verify_mode = ASKING[tls.client_auth_type]
    suites = [name for name in map(_openssl_suite, tls.cipher_suites) if name]
    if suites:
        context.set_ciphers(":".join(suites))
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE


def certificate_text(config: WebConfig) -> str:
    """Return the certificates that the server shows, PEM. Blocking.

    Raises:
        OSError: their file cannot be read.

    """
    tls = config.tls_server_config
    if tls is None:
        return ""
    return tls.cert or ("" if tls.cert_file is None else tls.cert_file.read_text(encoding="ascii", errors="replace"))


@contextmanager
def _in_files(tls: TlsServer) -> Iterator[tuple[Path, Path]]:
    """Give certificate and key as files: OpenSSL takes no others. Only this user can read them, and they go at once."""
    with tempfile.TemporaryDirectory(prefix="headgate-tls-") as folder:
        paths = []
        for given, file, name in ((tls.cert, tls.cert_file, "cert.pem"), (tls.key, tls.key_file, "key.pem")):
            path = file or Path(folder, name)
            if given is not None:
                path.write_text(given, encoding="ascii")
            paths.append(path)
        yield paths[0], paths[1]
