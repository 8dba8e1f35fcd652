#!/usr/bin/env bash
# Build the checkers that are written in Go, where Go is present, into .cache/go/bin; what and which version stands in
# deploy/go-tools/go.mod, and go.sum pins the contents of everything that is built. A first build takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
# compose-spec is the loader that docker compose itself uses.
declare -A packages=(
  [pint]=github.com/cloudflare/pint/cmd/pint
  [compose-spec]=github.com/compose-spec/compose-go/v2/cmd
)
bin=$PWD/.cache/go/bin
pins=$PWD/deploy/go-tools/go.sum

missing=()
for tool in "${!packages[@]}"; do
  program=$bin/$tool
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
for tool in "${missing[@]}"; do
  # Not `go install package@version`: that asks for the list of a module's versions, which not every proxy has.
  GOFLAGS=-mod=readonly go build -o "$bin/$tool" "${packages[$tool]}"
  touch "$bin/$tool"
done
