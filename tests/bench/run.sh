#!/usr/bin/env bash
# Plays the same files by the stage and by mpv in turn and prints how they compare.
# Builds the release profile, because that is what people run (--debug: the demo's profile).
#
# usage: tests/bench/run.sh [--debug] [OPTIONS OF bench.py]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

profile=release
build=(cargo build --locked --package nearside --release)
if [ "${1:-}" = --debug ]; then
    shift
    profile=debug
    build=(cargo build --locked --package nearside)
fi
"$root/packaging/install-deps.sh" build run bench
PATH="$PATH:$HOME/.cargo/bin"
(cd "$root" && "${build[@]}")
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$root/$target ;; esac
exec python3 "$root/tests/bench/bench.py" --programs "$target/$profile" "$@"
