#!/usr/bin/env bash
# Measures how near a redirected browser comes to the browser itself: runs pages of
# web-platform-tests in both and compares. The tests come from a checkout of theirs.
#
# usage: tests/wpt.sh [--help | --wpt DIR and options as in tests/wpt/main.ts]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH="$PATH:$HOME/.cargo/bin"

case ${1:-} in
-h | --help) ;;
*)
    "$root/packaging/install-deps.sh" build run test browser
    "$root/host/extension/install.sh"
    # As tests/run.sh builds: other features would compile the dependencies once more.
    (cd "$root" && cargo build --quiet --workspace --all-targets --all-features --locked)
    npm --prefix "$root/host/extension" run --silent build
    ;;
esac

loader=$root/host/extension/node_modules/tsx/dist/loader.mjs
exec node --import "$loader" "$root/tests/wpt/main.ts" "$@"
