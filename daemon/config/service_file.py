"""Service files of libpq: what stands under the name of a service; knows no URLs."""

from __future__ import annotations

import os
from configparser import Error, MissingSectionHeaderError, ParsingError, RawConfigParser
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
        # libpq knows neither values of several lines nor a section that stands for all.
        lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a UTF-8 text"
        raise OptionError(f"the service file {path} cannot be read ({reason}); let this user read it") from error
    parser = _Services(delimiters=("=",), comment_prefixes=("#",), strict=False, default_section="")
    try:
        parser.read_file(lines)
    except Error as error:
        raise OptionError(
            f"line {_line(error)} of {path} cannot be understood; write [service], and option=value below"
        ) from error
    return dict(parser[name]) if parser.has_section(name) else None


class _Services(RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # not in lower case: what libpq does not know is refused as it is written


def _line(error: Error) -> int:
    if isinstance(error, MissingSectionHeaderError):
        return error.lineno
    return error.errors[0][0] if isinstance(error, ParsingError) else 1
