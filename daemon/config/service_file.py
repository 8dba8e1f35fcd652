"""Service files of libpq: what stands under the name of a service; knows no URLs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .postgresql_options import OptionError

OWN_FILE: Final = "~/.pg_service.conf"
SYSTEM_FILE: Final = "pg_service.conf"


def service_options(name: str) -> dict[str, str]:
    """Return the options of a service: of the user's file (`PGSERVICEFILE`), else of the one in `PGSYSCONFDIR`.

    Raises:
        OptionError: it is defined nowhere, or its file cannot be read.

    """
    own = Path(os.environ.get("PGSERVICEFILE") or Path(OWN_FILE).expanduser())
    folder = os.environ.get("PGSYSCONFDIR")
    for path in (own, *([Path(folder) / SYSTEM_FILE] if folder else [])):
        if (found := _section(path, name)) is not None:
            return found
    raise OptionError(f"{own} defines no service {name}; add it there, or set PGSERVICEFILE to the file that does")


def _section(path: Path, name: str) -> dict[str, str] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a UTF-8 text"
        raise OptionError(f"the service file {path} cannot be read ({reason}); let this user read it") from error
    section: str | None = None
    found: dict[str, str] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            if section == name:
                found = {} if found is None else found
            continue
        option, separator, value = line.partition("=")
        if not separator or section is None:
            raise OptionError(f"line {number} of {path} cannot be understood; write [service], and option=value below")
        if section == name and found is not None:
            found[option.strip()] = value.strip()
    return found
