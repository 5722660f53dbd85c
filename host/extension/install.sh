#!/usr/bin/env bash
# Brings what the extension's build and tests need, as package-lock.json names it. Quick when it
# is all there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ ! -e node_modules/.package-lock.json ] ||
    [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "Packages of the extension's build and tests, into host/extension/node_modules"
    npm ci --silent --no-audit --no-fund
fi
