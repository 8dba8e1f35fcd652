"""Mails of alerts in other languages: as they are made, and with a word for everything that rules have said."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from alert_mails import ALERTS, FACTS, SAID, made
from alert_rules import said_by

REPLACEMENT = re.compile(r'^  \| reReplaceAll ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")$', re.MULTILINE)
MADE = made()
RENDERED = [
    alert["exp_annotations"]
    for path in sorted((ALERTS / "tests").glob("*.yml"))
    for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    for check in test.get("alert_rule_test", ())
    for alert in check["exp_alerts"]
]


per_template = pytest.mark.parametrize("path", sorted((ALERTS / "templates").iterdir()), ids=lambda path: path.stem)


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_templates_are_as_make_messages_writes_them(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == MADE[path], "run `make messages`"
    assert {*MADE} | {ALERTS / "templates" / "headgate.tmpl"} == {*(ALERTS / "templates").iterdir()}


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_whatever_a_rule_says_is_known(path: Path) -> None:
    """Each text that the rules' own tests expect is one that the template replaces, values and all."""
    text = path.read_text(encoding="utf-8")
    for kind, names in (("said", SAID), ("fact", FACTS)):
        (chain,) = re.findall(rf'^\{{\{{ define "headgate\.\w+\.{kind}" .*?^\}}\}}', text, re.MULTILINE | re.DOTALL)
        patterns = [json.loads(pattern) for pattern, _ in REPLACEMENT.findall(chain)]
        assert len(patterns) == chain.count("reReplaceAll")
        for rendered in {notes[name] for notes in RENDERED for name in names if name in notes}:
            if not re.fullmatch(r"[-\d]+ [\d:]+ \w+|", rendered):
                assert any(re.search(pattern, rendered) for pattern in patterns), rendered


def written(amtool: Path, folder: Path, template: str, alert: dict[str, Any]) -> str:
    """What a template makes of a message with one alert."""
    data = {"receiver": "ingest", "status": alert["status"], "externalURL": "http://127.0.0.1:9093", "alerts": [alert]}
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    return said_by(
        amtool,
        *("template", "render", f"--template.glob={ALERTS / 'templates' / '*.tmpl'}"),
        f"--template.type={template.rpartition('.')[2]}",
        f"--template.data={folder / 'data.json'}",
        f'--template.text={{{{ template "{template}" . }}}}',
    )


@per_template
def test_the_link_to_a_silence_names_a_folder_as_it_is_called(path: Path, amtool: Path, tmp_path: Path) -> None:
    """Alertmanager's page takes a `+` in a link for itself: nothing matched such a silence."""
    labels = {"alertname": "HeadgateFolderGone", "folder": "/in/Eingang Köln & <neu> +1", "instance": "a:9847"}
    alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-01-31T08:00:00Z"}
    page = written(amtool, tmp_path, f"{path.stem}.html", alert)
    (link,) = re.findall(r'href="([^"]*/#/silences/new[^"]*)"', page)
    matchers = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    assert unquote(unescape(link).partition("?filter=")[2]) == f"{{{matchers}, }}"


@per_template
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_what_an_alert_does_not_tell_has_no_line(path: Path, status: str, amtool: Path, tmp_path: Path) -> None:
    """One of the operator's own, such as the first test of a new Alertmanager, has a summary and no more."""
    moments = {"startsAt": "2026-01-31T08:00:00Z", "endsAt": "2026-01-31T09:00:00Z"}
    labels = {"alertname": "HeadgateTest", "instance": "test"}
    alert = {"status": status, "labels": labels, "annotations": {"summary": "A test"}, **moments}
    text = written(amtool, tmp_path, f"{path.stem}.text", alert)
    assert not [line for line in text.splitlines() if re.search(r"[:：]$|\(\)", line.strip())], text
    assert "from=" not in text
    page = written(amtool, tmp_path, f"{path.stem}.html", alert)
    assert "from=" not in page
    assert "()" not in page
    assert "<dd></dd>" not in page
