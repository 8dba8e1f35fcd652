#!/usr/bin/env bash
# Check prometheus.yml, the rules and their tests, and Alertmanager's configuration with their own tools and with pint.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=0
if command -v promtool >/dev/null; then
  promtool check config prometheus.yml
  promtool check rules --lint=all --lint-fatal alerts/rules/*.yml
  promtool test rules alerts/tests/*.yml
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
if [ $missing -eq 1 ] && [ "${HEADGATE_REQUIRE_SERVICES:-}" = 1 ]; then
  echo "and HEADGATE_REQUIRE_SERVICES=1: this is a failure" >&2
  exit 1
fi
