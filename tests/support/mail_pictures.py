"""The pictures of the mails in docs/: owns which alerts are on them. Run by `make mail-pictures`.

A real Alertmanager with the shipped configuration writes the mails, a real SMTP server takes them, Chromium draws them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from alert_stack import GRAFANA, PAGE, ROOT, RUNBOOKS, running_alertmanager
from browser import emulate, find_programs, running_browser
from ports import free_port

if TYPE_CHECKING:
    from mail_and_hooks import Mail

PICTURES: Final = ROOT / "docs" / "screenshots"
TOLD: Final = "stale, with what a mail tells"
"""The test of the rules whose alert is drawn: it has every fact that a mail can have."""
WIDTHS: Final = (360, 800)
WAIT_SECONDS: Final = 60


def alert_of_the_rules() -> dict[str, Any]:
    """Return the alert as Prometheus sends it, with whole links."""
    document = yaml.safe_load((ROOT / "alerts" / "tests" / "ingest.yml").read_text(encoding="utf-8"))
    (test,) = [one for one in document["tests"] if one["name"] == TOLD]
    (alert,) = test["alert_rule_test"][0]["exp_alerts"]
    notes = dict(alert["exp_annotations"])
    notes["runbook_url"] = RUNBOOKS + notes["runbook_url"]
    notes["dashboard_url"] = GRAFANA + notes["dashboard_url"]
    notes["jobs_url"] = PAGE + notes["jobs_url"].partition("8847")[2]
    began = datetime.now(UTC) - timedelta(minutes=12, seconds=30)
    for name, ago in (("last_success", 23), ("last_attempt", 14)):
        moment = f"{began - timedelta(minutes=ago):%Y-%m-%d %H:%M UTC}"
        notes[name] = f"{moment}{notes[name].partition('UTC')[2]}"
    labels = {"alertname": "HeadgateDatasetStale", **alert["exp_labels"]}
    return {"labels": labels, "annotations": notes, "startsAt": began.isoformat()}


def mails(binary: Path, folder: Path) -> dict[str, Mail]:
    """Let Alertmanager write one mail when the alert fires and one when it is over."""
    with running_alertmanager(binary, folder, free_port()) as server:
        alert = alert_of_the_rules()
        server.post(alert)
        found = {"firing": wait_for(lambda: server.sinks.mail("[FIRING:"))}
        server.post({**alert, "endsAt": datetime.now(UTC).isoformat()})
        return {**found, "resolved": wait_for(lambda: server.sinks.mail("[RESOLVED]"))}


def wait_for(found: Any) -> Any:
    """Wait until there is something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (one := found()) is None:
        if time.monotonic() > deadline:
            sys.exit("Alertmanager sends no mail")
        time.sleep(0.1)
    return one


def main() -> None:
    """Draw each mail narrow and wide, light and dark."""
    programs = find_programs()
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if programs is None or binary is None:
        sys.exit("skipped: chromium or Alertmanager is missing (make services)")
    with tempfile.TemporaryDirectory() as name, running_browser(programs, Path(name)) as browser:
        folder = Path(name) / "alertmanager"
        folder.mkdir()
        for state, mail in mails(Path(binary), folder).items():
            page = Path(name) / f"{state}.html"
            page.write_text(mail.html, encoding="utf-8")
            for width in WIDTHS:
                for dark in (False, True):
                    emulate(browser, size=(width, 100), dark=dark)
                    browser.get(page.as_uri())
                    height = browser.execute_script("return document.documentElement.scrollHeight")
                    emulate(browser, size=(width, height), dark=dark)
                    shade = "dark" if dark else "light"
                    browser.save_screenshot(str(PICTURES / f"mail-{state}-{width}-{shade}.png"))
    print(f"{len(list(PICTURES.glob('mail-*.png')))} pictures are in {PICTURES}")


if __name__ == "__main__":
    main()
