"""Mutation test of the rules: owns how a rule is bent and whether a test notices; knows no rule by its meaning.

Every comparator is turned round and moved by one, every number changed by a quarter, `and` and `or` exchanged, `for`
and `keep_firing_for` made one evaluation shorter and longer. All mutants of one rule live side by side under names of
their own in one file for promtool, so that a test's series are read once for all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
NAME: Final = re.compile(r"[A-Za-z_:][\w:]*")
TOKEN: Final = re.compile(
    r"""(?P<skip>"[^"]*" | \{[^}]*\} | \[[^]]*\] | offset\ \w+)
      | (?P<name>[A-Za-z_:][\w:]*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<comparator>[=!<>]=|[<>])""",
    re.VERBOSE,
)
OPPOSITE: Final = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
NEIGHBOUR: Final = {">": ">=", "<": "<=", ">=": ">", "<=": "<"}
COMPUTED: Final = re.compile(r"\s*(?:[\d.]+ \* )?scalar\(")
"""A limit that is itself computed: no ratio of rates meets it exactly, so nothing tells `>` from `>=` there."""
JOINED: Final = {"and": "or", "or": "and"}
DURATIONS: Final = ("for", "keep_firing_for")
PROMTOOL: Final = shutil.which("promtool") or ""
PROMTOOL_SECONDS: Final = 600
"""A batch takes a few; nobody waits for one that hangs."""
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
EXEMPT: Final = {"HeadgateWatchdog"}
"""Fires whatever its number is."""

Rule = dict[str, Any]
Test = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule bent in one place; `rule` stands for the original at `index` of its suite."""

    name: str
    index: int
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A test file with the rules that it loads, each with the file and the group that it comes from."""

    path: Path
    document: dict[str, Any]
    rules: tuple[tuple[str, str, Rule], ...]

    @property
    def step_seconds(self) -> int:
        """The time between two evaluations, in seconds."""
        return seconds_of(self.document["evaluation_interval"])

    def touched(self, index: int) -> set[str]:
        """Return the names of a rule and of all that are computed from it."""
        names = {title_of(self.rules[index][2])}
        while more := {title_of(rule) for _, _, rule in self.rules if names & names_in(rule["expr"])} - names:
            names |= more
        return names

    def needed(self, names: set[str]) -> set[str]:
        """Return the names with those that they are computed from."""
        needed = set(names)
        rules = [(title_of(rule), names_in(rule["expr"])) for _, _, rule in self.rules]
        while more := {name for name, _ in rules if any(name in used for one, used in rules if one in needed)} - needed:
            needed |= more
        return needed


def title_of(rule: Rule) -> str:
    """Return the name that a rule is known by."""
    return str(rule.get("alert") or rule["record"])


def names_in(expr: str) -> set[str]:
    """Return everything in PromQL that looks like a name."""
    return set(NAME.findall(expr))


def seconds_of(duration: str) -> int:
    """Return a duration of Prometheus in seconds."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def load(path: Path) -> Suite:
    """Read a test file and the rules that it names."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules: list[tuple[str, str, Rule]] = []
    for name in document["rule_files"]:
        file = (path.parent / name).resolve()
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            rules += [(file.stem, group["name"], rule) for rule in group["rules"]]
    return Suite(path=path, document=document, rules=tuple(rules))


def mutants_of(suite: Suite, index: int) -> Iterator[Mutant]:
    """Yield every mutant of one rule."""
    rule = suite.rules[index][2]
    title = " ".join([title_of(rule), *filter(None, [rule.get("labels", {}).get("severity")])])
    for place, new in _bent(rule["expr"]):
        expr = rule["expr"][: place.start()] + new + rule["expr"][place.end() :]
        name = f"{title}: {rule['expr'][place.start() : place.end() + 20]!r} becomes {new}"
        yield Mutant(name=name, index=index, rule={**rule, "expr": expr})
    for key in [key for key in DURATIONS if key in rule]:
        for step in (-suite.step_seconds, suite.step_seconds):
            duration = f"{seconds_of(rule[key]) + step}s"
            yield Mutant(name=f"{title}: {key} becomes {duration}", index=index, rule={**rule, key: duration})


def _bent(expr: str) -> Iterator[tuple[re.Match[str], str]]:
    for place in TOKEN.finditer(expr):
        text = place.group()
        if place["comparator"]:
            yield place, OPPOSITE[text]
            if text in NEIGHBOUR and not COMPUTED.match(expr, place.end()):
                yield place, NEIGHBOUR[text]
        elif place["number"]:
            number = float(text)
            for new in (number * 1.25, number * 0.75) if number else (1.0, -1.0):
                yield place, f"{new:g}"
        elif text in JOINED:
            yield place, JOINED[text]


def batch(suite: Suite, mutants: list[Mutant], folder: Path) -> Path:
    """Write promtool's files for mutants of one rule: mutant n and what is computed from it end in `__n`."""
    touched = suite.touched(mutants[0].index)
    needed = suite.needed(touched)
    tests = [test for test in suite.document["tests"] if _asked(test) & touched]
    groups: dict[str, list[Rule]] = {}
    for index, (_, group, rule) in enumerate(suite.rules):
        rules = groups.setdefault(group, [])
        if title_of(rule) not in needed:
            continue
        if title_of(rule) not in touched:
            rules.append(rule)
            continue
        for number, mutant in enumerate(mutants):
            chosen = mutant.rule if index == mutant.index else rule
            key = "alert" if "alert" in rule else "record"
            renamed = {key: f"{rule[key]}__{number}", "expr": _renamed(chosen["expr"], touched, number)}
            rules.append(_told({**chosen, **renamed}, "annotations"))
    folder.mkdir()
    content = {"groups": [{"name": name, "rules": rules} for name, rules in groups.items() if rules]}
    document = {
        **suite.document,
        "rule_files": ["rules.yml"],
        "tests": [_multiplied(test, touched, len(mutants)) for test in tests],
        "group_eval_order": [name for name in suite.document.get("group_eval_order", ()) if groups.get(name)],
    }
    (folder / "rules.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "test.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder / "test.yml"


def _told(holder: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a rule or an alert with the one text that tells its value: the others ask Prometheus again, each time."""
    return {**holder, key: {"description": holder[key]["description"]}} if key in holder else holder


def _asked(test: Test) -> set[str]:
    alerts = {check["alertname"] for check in test.get("alert_rule_test", ())}
    return alerts.union(*(names_in(check["expr"]) for check in test.get("promql_expr_test", ())))


def _renamed(text: str, touched: set[str], number: int) -> str:
    return NAME.sub(lambda found: f"{found[0]}__{number}" if found[0] in touched else found[0], text)


def _multiplied(test: Test, touched: set[str], count: int) -> Test:
    """Return a test with each check that concerns the touched rules once for every mutant, and no others."""
    alerts = [
        {
            **check,
            "alertname": f"{check['alertname']}__{number}",
            "exp_alerts": [_told(alert, "exp_annotations") for alert in check["exp_alerts"]],
        }
        for check in test.get("alert_rule_test", ())
        if check["alertname"] in touched
        for number in range(count)
    ]
    expressions = [
        {
            **check,
            "expr": _renamed(check["expr"], touched, number),
            "exp_samples": [
                {**sample, "labels": _renamed(sample["labels"], touched, number)} for sample in check["exp_samples"]
            ],
        }
        for check in test.get("promql_expr_test", ())
        if names_in(check["expr"]) & touched
        for number in range(count)
    ]
    return {**test, "alert_rule_test": alerts, "promql_expr_test": expressions}


def noticed(path: Path) -> set[int]:
    """Run promtool over a batch and return the numbers of the mutants that failed a test.

    Raises:
        SystemExit: promtool could not run the batch, which says nothing of its mutants.

    """
    done = subprocess.run(  # noqa: S603  # promtool, with a file of our own
        [PROMTOOL, "test", "rules", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROMTOOL_SECONDS,
        env={**os.environ, "TZ": "UTC"},
    )
    said = done.stdout + done.stderr
    if re.search(r"parse error|, err: ", said):
        raise SystemExit(f"promtool could not run {path}:\n{said[-2000:]}")
    heads = re.findall(r"^    (?:alertname|expr): .*$", said, re.MULTILINE)
    return {int(number) for head in heads for number in re.findall(r"__(\d+)\b", head)}


def survivors(suite: Suite, index: int, folder: Path) -> tuple[int, list[str]]:
    """Return how many mutants a rule has and the names of those that no test noticed.

    Raises:
        SystemExit: the rule itself fails, so that nothing can be said of its mutants.

    """
    mutants = list(mutants_of(suite, index))
    if not mutants:
        return 0, []
    control = Mutant(name="the rule as it is", index=index, rule=suite.rules[index][2])
    path = batch(suite, [*mutants, control], folder / f"{suite.path.stem}-{index}")
    found = noticed(path)
    if len(mutants) in found:
        raise SystemExit(f"{title_of(control.rule)} fails its own tests in {suite.path}")
    return len(mutants), [mutant.name for number, mutant in enumerate(mutants) if number not in found]


def main() -> int:
    """Print what survived; 1 if anything did."""
    if not PROMTOOL:
        print("skipped: promtool is missing (system package prometheus)")
        return int(os.environ.get("HEADGATE_REQUIRE_SERVICES") == "1")
    # A rule is the business of the tests of its own file; others may load it for what they compute from it.
    suites = [load(HERE / "tests" / path.name) for path in sorted((HERE / "rules").glob("*.yml"))]
    work = [
        (suite, index)
        for suite in suites
        for index, (file, _, rule) in enumerate(suite.rules)
        if file == suite.path.stem and title_of(rule) not in EXEMPT
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(partial(_survivors, folder=Path(folder)), work))
    alive = [name for _, names in results for name in names]
    for name in alive:
        print(f"survived: {name}")
    print(f"{sum(count for count, _ in results)} mutants of the rules, {len(alive)} survived")
    return int(bool(alive))


def _survivors(one: tuple[Suite, int], folder: Path) -> tuple[int, list[str]]:
    return survivors(*one, folder)


if __name__ == "__main__":
    sys.exit(main())
