#!/usr/bin/env bash
# What belongs on Windows, without one: the RDP client's plugin in a process that plays Remote
# Desktop Connection, and nearside-host above tests/wts, which stands in for Remote Desktop
# Services; both cross-built, and run by wine in a folder of their own.
#
# Ends with 77 where Rust's libraries for Windows cannot be had.
#
# usage: tests/windows.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
PATH="$PATH:$HOME/.cargo/bin"

target=x86_64-pc-windows-gnu
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ] &&
    ! rustup --quiet target add "$target"; then
    echo "windows.sh: not run: Rust's libraries for $target cannot be had; please add them" >&2
    exit 77
fi
packaging/install-deps.sh build windows

folder=${CARGO_TARGET_DIR:-target}/windows
case $folder in /*) ;; *) folder=$root/$folder ;; esac
mkdir -p "$folder"
# Debian's is not in the PATH.
PATH="$PATH:/usr/lib/wine"
# Wine's own words are about windows and sound that nobody needs here. It is not to enter its
# programs into the desktop's menu.
export WINEPREFIX="$folder/prefix" WINEDEBUG=-all WINEPATH
export WINEDLLOVERRIDES='winemenubuilder.exe,mscoree,mshtml=d;wtsapi32=n,b'
WINEPATH="Z:${folder//\//\\}"
trap 'wineserver -k || true' EXIT

x86_64-w64-mingw32-gcc -shared -O1 -o "$folder/bcryptprimitives.dll" \
    tests/wts/bcryptprimitives.c -ladvapi32
wine64 wineboot --init >/dev/null 2>&1

packages=(--package nearside-rdp --package nearside-host --package nearside-wts-stand-in)
cargo clippy --quiet --locked --target "$target" "${packages[@]}" --all-targets -- -D warnings
cargo build --quiet --locked --target "$target" "${packages[@]}" --all-targets
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine64
# The machine whose policies one of them writes is wine's.
timeout 300 cargo test --quiet --locked --target "$target" "${packages[@]}" -- --include-ignored
