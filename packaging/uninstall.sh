#!/usr/bin/env bash
# Removes what install.sh has installed. What users have set stays in their own folders.
#
# usage: packaging/uninstall.sh [device|session-host]...     default: both
set -euo pipefail

names=()
for argument in "$@"; do
    case $argument in
    device) names+=(nearside) ;;
    session-host) names+=(nearside-host) ;;
    *)
        echo "usage: $0 [device|session-host]..." >&2
        exit 2
        ;;
    esac
done
[ ${#names[@]} -gt 0 ] || names=(nearside nearside-host)

installed=()
for name in "${names[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) || continue
    [ "$status" = not-installed ] || installed+=("$name")
done
if [ ${#installed[@]} -eq 0 ]; then
    echo "Not installed."
    exit 0
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y purge "${installed[@]}"
