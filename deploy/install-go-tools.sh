#!/usr/bin/env bash
# Build the checkers that are written in Go, where Go is present, into .cache/go/bin; what and which version stands in
# deploy/go-tools/go.mod, and go.sum pins the contents of everything that is built. A first build takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=(github.com/cloudflare/pint/cmd/pint)
bin=$PWD/.cache/go/bin
pins=deploy/go-tools/go.sum

missing=()
for tool in "${tools[@]}"; do
  program=$bin/${tool##*/}
  [ -x "$program" ] && [ "$program" -nt "$pins" ] || missing+=("$tool")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v go >/dev/null; then
  echo "not built here (no Go): ${missing[*]}"
  exit 0
fi
echo "building: ${missing[*]}"
mkdir -p "$bin"
cd deploy/go-tools
# Not `go install tool@version`: that asks for the list of a module's versions, which not every proxy has.
GOBIN=$bin GOFLAGS=-mod=readonly go install "${missing[@]}"
cd "$bin" && for tool in "${missing[@]}"; do touch "${tool##*/}"; done
