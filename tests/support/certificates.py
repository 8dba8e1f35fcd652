"""Certificates for tests, made by the openssl program: an authority, and whoever it vouches for."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

SIGNING: Final = """
[ca]
default_ca = authority
[authority]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {authority.certificate}
private_key = {authority.key}
default_md = sha256
rand_serial = yes
policy = names
[names]
commonName = supplied
"""
"""What `openssl ca` asks for, the one of its commands that takes a moment to begin at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


def openssl() -> str | None:
    """Return the program, None where it is not installed."""
    return shutil.which("openssl")


class Authority:
    """Signs certificates, of a day unless said otherwise, in a folder of its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.own = self._request(name, "-x509", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name: str, *names: str, days: int = 1) -> Pair:
        """Sign a certificate with the given alternative names, such as `DNS:localhost`."""
        extension = ("-addext", f"subjectAltName={','.join(names)}") if names else ()
        return self._request(
            name,
            "-x509",
            "-CA",
            str(self.own.certificate),
            "-CAkey",
            str(self.own.key),
            "-subj",
            f"/CN={name}",
            *extension,
            days=days,
        )

    def issue_ended(self, name: str) -> Pair:
        """Sign a certificate that ended yesterday."""
        pair = self.issue(name)
        request = self._folder / f"{name}.csr"
        signing = ("-CA", str(self.own.certificate), "-CAkey", str(self.own.key), "-days", "-1")
        for arguments in (
            ("req", "-new", "-key", str(pair.key), "-subj", f"/CN={name}", "-out", str(request)),
            ("x509", "-req", "-in", str(request), *signing, "-out", str(pair.certificate)),
        ):
            subprocess.run([str(openssl()), *arguments], check=True, capture_output=True, timeout=60)
        return pair

    def issue_begun(self, name: str, *, days_ago: int, days: int) -> Pair:
        """Sign a certificate that began to hold some days ago, and ends in some days."""
        pair = self.issue(name)
        request, settings = (self._folder / f"{name}{ending}" for ending in (".csr", ".cnf"))
        settings.write_text(SIGNING.format(folder=self._folder, authority=self.own), encoding="ascii")
        (self._folder / "index.txt").touch()
        now = datetime.now(UTC)
        begin, end = (f"{now + timedelta(days=away):%Y%m%d%H%M%SZ}" for away in (-days_ago, days))
        signing = ("-batch", "-notext", "-startdate", begin, "-enddate", end)
        for arguments in (
            ("req", "-new", "-key", str(pair.key), "-subj", f"/CN={name}", "-out", str(request)),
            ("ca", "-config", str(settings), *signing, "-in", str(request), "-out", str(pair.certificate)),
        ):
            subprocess.run([str(openssl()), *arguments], check=True, capture_output=True, timeout=60)
        return pair

    def _request(self, name: str, *arguments: str, days: int = 1) -> Pair:
        pair = Pair(certificate=self._folder / f"{name}.pem", key=self._folder / f"{name}.key")
        subprocess.run(
            [
                *(
                    str(openssl()),
                    "req",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-noenc",
                    "-days",
                    str(days),
                ),
                *("-keyout", str(pair.key), "-out", str(pair.certificate), *arguments),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        pair.key.chmod(0o600)
        return pair
