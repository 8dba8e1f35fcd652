"""Makes grafana/dashboards/*.json from the boards; with --check, says which file is not what they make of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from boards import BOARDS
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from shell import built

DASHBOARDS: Final = Path(__file__).resolve().parent / "dashboards"


def documents() -> dict[str, str]:
    """Return the text of each file by its name."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {f"{board.uid}.json": encoder.encode(built(board, BOARDS)) + "\n" for board in BOARDS}


def differences() -> list[str]:
    """Return the names of files that are missing, changed or too many."""
    made, found = documents(), {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*.json")}
    return sorted(name for name in {*made, *found} if made.get(name) != found.get(name))


def main() -> None:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description="Build Grafana's dashboards")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when a file is out of date")
    if parser.parse_args().check:
        for name in (different := differences()):
            print(f"grafana/dashboards/{name} is out of date: make dashboards", file=sys.stderr)
        sys.exit(1 if different else 0)
    DASHBOARDS.mkdir(exist_ok=True)
    for path in DASHBOARDS.glob("*.json"):
        path.unlink()
    for name, text in documents().items():
        (DASHBOARDS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
