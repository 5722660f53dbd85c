#!/usr/bin/env bash
# Builds and installs the part that this machine needs.
#
# usage: packaging/install.sh [--debug] device|session-host...
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() {
    echo "usage: $0 [--debug] device|session-host..." >&2
    exit 2
}

options=() names=()
for argument in "$@"; do
    case $argument in
    --debug) options+=(--debug) ;;
    device) names+=(nearside) ;;
    session-host) names+=(nearside-host) ;;
    *) usage ;;
    esac
done
[ ${#names[@]} -gt 0 ] || usage

debs=$(mktemp -d)
trap 'rm -rf "$debs"' EXIT
# apt reads packages as another user.
chmod 755 "$debs"
"$root/packaging/build-deb.sh" "${options[@]}" --out "$debs"
files=()
for name in "${names[@]}"; do files+=("$debs/${name}"_*.deb); done
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends --reinstall "${files[@]}"
