"""The pictures of the dashboards in docs/, and what each query returned beside them. Run by `make dashboard-pictures`.

Prometheus serves a recording of daemons under load (monitored_load.py), Grafana's own panel components draw it in
Chromium. It skips, saying so, where Node is missing; the recording is made when it is not there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitored_load import INTERVALS, scenario
from ports import free_port
from prometheus_server import running_prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
VIEWER: Final = ROOT / "grafana" / "viewer"
RECORDING: Final = ROOT / ".cache" / "dashboards"
PICTURES: Final = ROOT / "docs" / "screenshots"
LOOKS: Final = ("1280:dark", "1600:light")
DOCUMENTED: Final = "1280-dark"
SECONDS: Final = 1800


def main() -> None:
    """Draw every dashboard at each look and interval; say which query failed or returned what is no number."""
    parser = argparse.ArgumentParser(description="Draw the dashboards")
    parser.add_argument("--minutes", type=float, default=30, help="how long to record, where nothing is recorded")
    parser.add_argument("--recording", type=Path, default=RECORDING)
    options = parser.parse_args()
    node, npm, prometheus = (shutil.which(name) for name in ("node", "npm", "prometheus"))
    if node is None or npm is None or prometheus is None:
        print("skipped: Node or Prometheus is missing")
        return
    if not (VIEWER / "node_modules").exists():
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=VIEWER, check=True)
    subprocess.run([node, "bundle.mjs"], cwd=VIEWER, check=True)
    recording: Path = options.recording
    if not (recording / "outcome.json").is_file():
        recording.mkdir(parents=True, exist_ok=True)
        outcome = scenario(recording, minutes=options.minutes, troubles=True)
        (recording / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
    outcome = json.loads((recording / "outcome.json").read_text(encoding="utf-8"))
    wrong: list[str] = []
    for interval in INTERVALS:
        out = recording / f"pictures-{interval}"
        with recorded(Path(prometheus), recording / interval) as url:
            seconds = min(SECONDS, round(outcome["to"] - outcome["from"]) + 60)
            drawn = [url, ROOT / "grafana" / "dashboards", out, interval, round(outcome["to"]), seconds, *LOOKS]
            subprocess.run([node, "pictures.mjs", *map(str, drawn)], cwd=VIEWER, check=True)
        wrong += [f"{interval} {line}" for path in sorted(out.glob("*.json")) for line in faults(path)]
    for path in sorted((recording / f"pictures-{INTERVALS[0]}").glob(f"*-{DOCUMENTED}.webp")):
        name = path.name.replace("headgate-", "dashboard-").replace(f"-{DOCUMENTED}", "")
        shutil.copy(path, PICTURES / name)
    print("\n".join(wrong) or "every query returned what it should")
    sys.exit(bool(wrong))


@contextmanager
def recorded(binary: Path, folder: Path) -> Iterator[str]:
    """Serve what was recorded, and scrape and judge nothing."""

    def change(config: dict[str, Any]) -> None:
        config |= {"scrape_configs": [], "rule_files": [], "alerting": {}}

    with running_prometheus(binary, folder, target="", port=free_port(), change=change) as server:
        yield server.url


def faults(path: Path) -> list[str]:
    """Return what is wrong with the answers that a dashboard got."""
    found = []
    for title, answers in json.loads(path.read_text(encoding="utf-8")).items():
        place = f"{path.stem} / {title}"
        found += [f"{place}: {answer['error']}" for answer in answers if "error" in answer]
        found += [f"{place}: not a number: {answer['query']}" for answer in answers if answer["notNumbers"]]
        found += [
            f"{place}: a count that is not whole: {answer['query']}"
            for answer in answers
            if answer["fractions"] and " offset " in answer["query"] and "/" not in answer["query"]
        ]
    return found


if __name__ == "__main__":
    main()
