#!/usr/bin/env bash
# Check prometheus.yml, the rules and their tests, Alertmanager's configuration and the dashboards, each with its own
# tools, and the rules with pint.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=0
if command -v promtool >/dev/null; then
  promtool check config prometheus.yml
  promtool check rules --lint=all --lint-fatal alerts/rules/*.yml
  # Moments in texts are local ones.
  TZ=UTC promtool test rules alerts/tests/*.yml
else
  echo "skipped: promtool is missing (system package prometheus)"
  missing=1
fi
if command -v amtool >/dev/null; then
  amtool check-config alerts/alertmanager.yml
else
  echo "skipped: amtool is missing (system package prometheus-alertmanager)"
  missing=1
fi
if [ -x .cache/go/bin/pint ]; then
  # Offline: a server's opinion depends on what it has scraped.
  .cache/go/bin/pint --config alerts/pint.hcl --offline --no-color --log-level=error lint --min-severity=info --fail-on=info alerts/rules
else
  echo "skipped: pint is missing (deploy/install-go-tools.sh builds it where Go is present)"
  missing=1
fi
if command -v dashboard-linter >/dev/null; then
  for dashboard in grafana/dashboards/*.json; do
    dashboard-linter lint --strict "$dashboard"
  done
else
  # Not every Go proxy has its module, so nobody has to have it: a test holds the dashboards to each of its rules.
  echo "dashboard-linter is not here; tests/contract/test_dashboards.py stands in for it"
fi
if [ $missing -eq 1 ] && [ "${HEADGATE_REQUIRE_SERVICES:-}" = 1 ]; then
  echo "and HEADGATE_REQUIRE_SERVICES=1: this is a failure" >&2
  exit 1
fi
