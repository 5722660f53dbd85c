#!/usr/bin/env bash
# Says the id that browsers give the extension: the first 16 bytes of the SHA-256 of the public
# key in its manifest, in hexadecimal, with a to p for 0 to f.
#
# usage: packaging/extension-id.sh [MANIFEST.json]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
manifest=${1:-$root/host/extension/manifest.json}

key=$(sed -n 's/^ *"key": *"\([A-Za-z0-9+\/=]*\)".*/\1/p' "$manifest")
if [ -z "$key" ]; then
    echo "extension-id.sh: $manifest has no key" >&2
    exit 1
fi
base64 -d <<<"$key" | sha256sum | cut -c 1-32 | tr 0-9a-f a-p
