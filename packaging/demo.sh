#!/usr/bin/env bash
# Installs what is missing, builds, and plays the demo. Without a display it plays off-screen.
#
# usage: packaging/demo.sh [OPTIONS OF nearside demo]
#   packaging/demo.sh
#   packaging/demo.sh --headless --seconds 12 --report r.json --screenshot s.png
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

step() {
    now=$(date +%s)
    [ -z "${title:-}" ] || echo "    done in $((now - began)) s"
    title=$1 began=$now
    [ -z "$title" ] || echo "==> $title"
}

step "Debian packages"
"$root/packaging/install-deps.sh" build run

PATH="$PATH:$HOME/.cargo/bin"
if ! command -v cargo >/dev/null; then
    echo "demo.sh: Rust 1.95 or newer is needed: https://rustup.rs" >&2
    exit 1
fi
step "Build (minutes the first time, seconds later)"
# In the folder, because cargo looks for its settings from there; paths given by the user stay
# relative to where the user is.
(cd "$root" && cargo build --locked --package nearside)
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$root/$target ;; esac

options=("$@")
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [[ " $* " != *" --headless "* ]]; then
    echo "    no display here: playing off-screen (--headless)"
    options+=(--headless)
fi
step "nearside demo ${options[*]}"
status=0
"$target/debug/nearside" demo "${options[@]}" || status=$?
step ""
exit "$status"
