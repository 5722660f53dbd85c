#!/usr/bin/env bash
# Plays videos in a real browser in a real RDP session, with all parts of Nearside between there
# and this machine's "device", and looks at what comes of it. Runs unattended: installs what is
# missing, builds, starts everything by itself and ends everything again.
#
# Without options all of it, and before that the real xfreerdp with the plugin at the RDP server
# of tests/rdp.
#
# usage: tests/rig.sh [--help | options as in tests/session/options.ts]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
PATH="$PATH:$HOME/.cargo/bin"

needs_root=yes
native=no
for word in "$@"; do
    case $word in
    --no-rdp) needs_root=no ;;
    --native) native=yes ;;
    -h | --help)
        sed -n '/^export const USAGE/,/`;$/p' tests/session/options.ts |
            sed -e '1s/.*`//' -e '$s/`;$//'
        exit
        ;;
    esac
done

as_root=()
if [ "$needs_root" = yes ] && [ "$(id -u)" -ne 0 ]; then
    echo "rig.sh: an RDP login session takes root: xrdp, a throw-away user, a plugin in the RDP"
    echo "        client's folder; all of it is removed at the end. --no-rdp does without."
    command -v sudo >/dev/null || {
        echo "rig.sh: there is no sudo: please run this as root, or with --no-rdp." >&2
        exit 1
    }
    as_root=(sudo "--preserve-env=CARGO_TARGET_DIR,RUST_LOG,TMPDIR")
fi

packaging/install-deps.sh build run test browser session

host/extension/install.sh
if [ "$native" = no ]; then
    # As tests/run.sh builds: other features would compile the dependencies once more.
    cargo build --quiet --workspace --all-targets --all-features --locked
    npm --prefix host/extension run --silent build
fi

freerdp() {
    cargo test --quiet --locked --package nearside-rdp-tests --all-features --test freerdp -- \
        --ignored
}

failed=0
if [ $# -eq 0 ]; then
    echo "==> xfreerdp at the RDP server of tests/rdp"
    freerdp || freerdp || failed=1
    echo "==> xfreerdp at a login session of xrdp"
fi

# The names of cases that failed, for those who run them once more.
failures=${CARGO_TARGET_DIR:-target}/rig/failed
mkdir -p "${failures%/*}"
node_options=(--import "$root/host/extension/node_modules/tsx/dist/loader.mjs"
    --test-reporter=spec --test-reporter-destination=stdout
    "--test-reporter=$root/tests/failed.mjs" "--test-reporter-destination=$failures")
command=("${as_root[@]}" node "${node_options[@]}" tests/session/main.ts "$@")
# Signals are for the rig.
[ $failed -ne 0 ] || exec "${command[@]}"
"${command[@]}" || true
rm -f "$failures"
echo "rig.sh: xfreerdp failed at the RDP server of tests/rdp" >&2
exit 1
