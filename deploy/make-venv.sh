#!/usr/bin/env bash
# Make a virtual environment: make-venv.sh PYTHON FOLDER. Debian's python lacks venv; it is installed where we may.
set -euo pipefail
python=${1:-}
folder=$2
if [ -z "$python" ]; then
  echo "headgate: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2
  exit 1
fi
if "$python" -m venv "$folder" >/dev/null 2>&1; then
  exit 0
fi
rm -rf "$folder"
version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
if command -v apt-get >/dev/null; then
  sudo=""
  if [ "$(id -u)" -ne 0 ]; then sudo="sudo -n"; fi
  if [ -z "$sudo" ] || sudo -n true 2>/dev/null; then
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "python$version-venv" >/dev/null
  fi
fi
if ! "$python" -m venv "$folder"; then
  echo "headgate: $python cannot make a virtual environment; install the package python$version-venv" >&2
  exit 1
fi
