"""Makes prometheusrule.yaml of the rules in alerts/rules; with --check, says whether it is what they make of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
RULES: Final = HERE.parents[1] / "alerts" / "rules"
MANIFEST: Final = HERE / "prometheusrule.yaml"
HEADER: Final = "# Made by `make manifests` from alerts/rules: do not edit.\n"


def document() -> str:
    """Return the text of the manifest: the groups of all files, in the order of the files."""
    groups: list[dict[str, Any]] = []
    for path in sorted(RULES.glob("*.yml")):
        groups += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "headgate", "labels": {"app.kubernetes.io/name": "headgate"}},
        "spec": {"groups": groups},
    }
    return HEADER + yaml.dump(manifest, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)


class _Plain(yaml.SafeDumper):
    """Writes what an anchor repeats anew: `kubectl diff` shows it so."""

    def ignore_aliases(self, data: object) -> bool:
        """Say that no value refers to another."""
        del data
        return True


def main() -> None:
    """Write the manifest, or check it."""
    parser = argparse.ArgumentParser(description="Build the PrometheusRule")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when it is out of date")
    if not parser.parse_args().check:
        MANIFEST.write_text(document(), encoding="utf-8")
    elif not MANIFEST.is_file() or MANIFEST.read_text(encoding="utf-8") != document():
        print(f"deploy/kubernetes/{MANIFEST.name} is out of date: make manifests", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
