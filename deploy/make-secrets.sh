#!/usr/bin/env bash
# Make the passwords and the API token that compose.yaml mounts, each in a file of deploy/secrets; those that are there
# stay. The folder is closed to everybody else; files that other users read inside of containers are open within it.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets/alertmanager
chmod 700 secrets
chmod 755 secrets/alertmanager
random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
keep() {  # keep NAME MODE CONTENT
  [ -e "secrets/$1" ] && return
  (umask 077 && printf '%s\n' "$3" >"secrets/$1")
  chmod "$2" "secrets/$1"
}
keep postgres.password 644 "$(random)"
keep grafana.password 644 "$(random)"
keep api.token 600 "$(random)"
keep database.url 600 "postgresql://headgate:$(cat secrets/postgres.password)@127.0.0.1/headgate"
# What alertmanager.yml names; these three are yours to write, for somebody else has made them.
for name in smtp-password webhook-token watchdog-token; do keep "alertmanager/$name" 644 "$(random)"; done
echo "deploy/secrets is ready; Grafana's user is admin, its password in deploy/secrets/grafana.password"
echo "write the mail account's password and the webhooks' tokens into deploy/secrets/alertmanager"
