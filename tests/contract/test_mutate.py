"""alerts/mutate.py tells tests that notice from tests that do not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

PROGRAM = Path(__file__).resolve().parents[2] / "alerts" / "mutate.py"
RULES = [
    {"record": "x:full:ratio", "expr": "x_used / (x_size > 0)"},
    {
        "alert": "XFull",
        "expr": 'x:full:ratio > 0.5 and on (instance) x_on{kind="a>1"} == 1',
        "for": "1m",
        "labels": {"severity": "warning"},
    },
]
LABELS = {"severity": "warning", "instance": "a"}


def series(name: str, values: str, instance: str = "a", **labels: str) -> dict[str, str]:
    pairs = ", ".join(f'{key}="{value}"' for key, value in {"instance": instance, **labels}.items())
    return {"series": f"{name}{{{pairs}}}", "values": values}


def case(size: str, used: str, on: str, instance: str) -> list[dict[str, str]]:
    return [
        series("x_used", used, instance),
        series("x_size", size, instance),
        series("x_on", on, instance, kind="a>1"),
    ]


STRICT_INPUT = [
    *case("4x9", "2.25x9", "1x9", "a"),
    *case("4x9", "2x9", "1x9", "half"),
    *case("4x9", "4x9", "0x9", "off"),
    *case("4x9", "4x9", "1.25x9", "more"),
    *case("4x9", "4x9", "0.75x9", "less"),
    *case("1x9", "0.75x9", "1x9", "one"),
    *case("-1x9", "-1x9", "1x9", "below"),
    *case("0x9", "1x9", "1x9", "empty"),
]
FIRING = [{"exp_labels": LABELS}, {"exp_labels": {**LABELS, "instance": "one"}}]


@pytest.fixture
def mutate(promtool: Path) -> ModuleType:
    assert promtool
    spec = importlib.util.spec_from_file_location("headgate_mutate", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def survivors(mutate: ModuleType, folder: Path, test: dict[str, Any]) -> list[str]:
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    (folder / "work").mkdir()
    (folder / "rules" / "x.yml").write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": RULES}]}))
    document = {"rule_files": ["../rules/x.yml"], "evaluation_interval": "15s", "tests": [{"interval": "15s", **test}]}
    (folder / "tests" / "x.yml").write_text(yaml.safe_dump(document))
    suite = mutate.load(folder / "tests" / "x.yml")
    found: list[str] = []
    for index in range(len(RULES)):
        count, names = mutate.survivors(suite, index, folder / "work")
        assert count > 3
        found += names
    return found


def test_a_strict_test_lets_no_mutant_live(mutate: ModuleType, tmp_path: Path) -> None:
    checks = [
        {"eval_time": "45s", "alertname": "XFull", "exp_alerts": []},
        {"eval_time": "1m", "alertname": "XFull", "exp_alerts": FIRING},
    ]
    assert survivors(mutate, tmp_path, {"input_series": STRICT_INPUT, "alert_rule_test": checks}) == []


def test_what_a_test_does_not_look_at_is_named(mutate: ModuleType, tmp_path: Path) -> None:
    checks = [{"eval_time": "2m", "alertname": "XFull", "exp_alerts": [{"exp_labels": LABELS}]}]
    weak = {"input_series": case("4x9", "4x9", "1x9", "a"), "alert_rule_test": checks}
    found = survivors(mutate, tmp_path, weak)
    assert "XFull warning: for becomes 45s" in found
    assert "XFull warning: for becomes 75s" in found
    assert any(name.startswith("XFull warning: '> 0.5") and name.endswith("becomes >=") for name in found)
    assert "x:full:ratio: '0)' becomes 1" in found
    assert not any("'== 1' becomes !=" in name for name in found), "that one is noticed"
    assert not any("a>1" in name for name in found), "matchers are left alone"


def test_a_rule_that_fails_its_own_tests_proves_nothing(mutate: ModuleType, tmp_path: Path) -> None:
    checks = [{"eval_time": "2m", "alertname": "XFull", "exp_alerts": []}]
    wrong = {"input_series": case("4x9", "4x9", "1x9", "a"), "alert_rule_test": checks}
    with pytest.raises(SystemExit, match="fails its own tests"):
        survivors(mutate, tmp_path, wrong)


def test_a_batch_that_promtool_cannot_run_proves_nothing(mutate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text("groups: [{name: x, rules: [{alert: X, expr: 'sum('}]}]")
    (tmp_path / "test.yml").write_text("{rule_files: [rules.yml], tests: [{interval: 1m, input_series: []}]}")
    with pytest.raises(SystemExit, match="could not run"):
        mutate.noticed(tmp_path / "test.yml")
