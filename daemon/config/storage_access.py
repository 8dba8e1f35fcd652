"""How storage is entered: the options and credentials that each kind knows, read from a private file; no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import yaml

from ingest.messages import say

from ..errors import StartupError, StorageSettingsError
from .secret_file import read_private

OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset(),
    "s3": frozenset({"endpoint_url", "region", "ca_file"}),
    "gcs": frozenset({"endpoint_url", "project"}),
    "azure": frozenset({"account_name", "account_host"}),
    "sftp": frozenset({"known_hosts_file"}),
    "smb": frozenset({"encrypt"}),
    "webdav": frozenset({"ca_file"}),
}
"""What may be said of each kind beside its URL; nothing of it is secret."""
CREDENTIALS: Final[Mapping[str, frozenset[str] | None]] = {
    "file": frozenset(),
    "s3": frozenset({"access_key_id", "secret_access_key", "session_token"}),
    "gcs": None,
    "azure": frozenset(
        {"account_key", "sas_token", "connection_string", "client_id", "client_secret", "tenant_id", "account_name"}
    ),
    "sftp": frozenset({"username", "password", "private_key_file", "private_key_password"}),
    "smb": frozenset({"username", "password"}),
    "webdav": frozenset({"username", "password"}),
}
"""The keys of each kind's credentials file; Google's is the key file of a service account, as it was downloaded."""
_NO_SECRETS: Final = frozenset({"username", "account_name", "client_id", "tenant_id", "private_key_file", "type"})
_SHOWN_IN_ITS_PLACE: Final = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The options of a place, and its credentials, which are not repeated anywhere."""

    options: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, kind: str, options: Mapping[str, str], credentials_file: Path | None) -> Self:
        """Check the options, and read the credentials where there is a file of them. Blocking.

        Raises:
            StorageSettingsError: a key is not known, or the file cannot be used; the message is `reason; remedy`.

        """
        _refuse_unknown(options, OPTIONS[kind], kind)
        if credentials_file is None:
            return cls(options=options)
        try:
            text = read_private(credentials_file)
        except StartupError as error:
            raise StorageSettingsError(str(error)) from error
        credentials = _mapping(text, credentials_file)
        known = CREDENTIALS[kind]
        if known is not None:
            _refuse_unknown(credentials, known, kind)
        return cls(options=options, credentials=credentials)

    def without_secrets(self, text: str) -> str:
        """Return a text in which no secret is left, whoever wrote it there."""
        for key, value in self.credentials.items():
            if key not in _NO_SECRETS and value:
                text = text.replace(value, _SHOWN_IN_ITS_PLACE)
        return text


def _mapping(text: str, file: Path) -> dict[str, str]:
    remedy = say("write a line `key: value` for each")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date that is none is a ValueError
        # Not chained: the error would carry the secret's text along.
        raise StorageSettingsError(say("{file} is no YAML; {remedy}", file=file, remedy=remedy)) from None
    if not isinstance(found, dict):
        raise StorageSettingsError(say("{file} holds no credentials; {remedy}", file=file, remedy=remedy))
    for key, value in found.items():
        if not isinstance(value, str):  # `0123` would be read as 83
            raise StorageSettingsError(say("{key} in {file} is no text; put it in quotes", key=key, file=file))
    return {str(key): value for key, value in found.items()}


def _refuse_unknown(given: Mapping[str, str], known: frozenset[str], kind: str) -> None:
    for key, value in given.items():
        if key not in known:
            keys = ", ".join(sorted(known)) or say("none")
            raise StorageSettingsError(
                say("{key} is no key of {kind} storage; it knows {keys}", key=key, kind=kind, keys=keys)
            )
        if key.endswith("_file") and not value.startswith("/"):
            raise StorageSettingsError(say("{key} is no absolute path; begin it with a slash", key=key))
