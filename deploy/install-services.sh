#!/usr/bin/env bash
# Install PostgreSQL, pgbouncer, Dovecot, Samba, nginx, Prometheus, Alertmanager, Chromium, faketime and the checker of
# systemd units from the system's packages, those that are absent, where there is apt and the right to use it. Elsewhere
# only say what is missing: the tests that need it are then listed as skipped.
set -euo pipefail
wanted=()
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null || wanted+=(postgresql)
command -v promtool >/dev/null || wanted+=(prometheus)
command -v amtool >/dev/null || wanted+=(prometheus-alertmanager)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || wanted+=(pgbouncer)
command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] || wanted+=(dovecot-imapd)
command -v smbd >/dev/null || [ -x /usr/sbin/smbd ] || wanted+=(samba)
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || wanted+=(nginx-light)
command -v systemd-analyze >/dev/null || wanted+=(systemd)
command -v faketime >/dev/null || wanted+=(faketime)
command -v chromium >/dev/null || wanted+=(chromium)
command -v chromedriver >/dev/null || wanted+=(chromium-driver)
[ ${#wanted[@]} -eq 0 ] && exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then sudo="sudo -n"; fi
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; }; then
  echo "not installed here (no apt, or no right to use it): ${wanted[*]}"
  exit 0
fi
echo "installing: ${wanted[*]}"
# Debian starts services as it installs them; the tests start their own, on ports of their own.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
  made=yes
fi
trap '[ -z "$made" ] || $sudo rm -f "$policy"' EXIT
$sudo apt-get update -qq
for package in "${wanted[@]}"; do
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
    echo "not installed, apt-get failed: $package"
done
