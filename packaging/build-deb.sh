#!/usr/bin/env bash
# Builds the Debian packages: nearside for devices, nearside-host for session hosts.
#
# usage: packaging/build-deb.sh [--debug] [--out DIR]
#   --debug   take the development build: quicker to make, slower to run
#   --out     where the packages go; default: target/deb
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() {
    sed -n 's/^# \{0,1\}//; 2,6p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

PATH="$PATH:$HOME/.cargo/bin"
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$root/$target ;; esac
profile=release out=$target/deb
while [ $# -gt 0 ]; do
    case $1 in
    --debug) profile=debug ;;
    --out)
        [ $# -gt 1 ] || usage
        out=$2
        shift
        ;;
    *) usage ;;
    esac
    shift
done
"$root/packaging/install-deps.sh" build package
mkdir -p "$out"
out=$(cd "$out" && pwd)

cargo_options=()
[ "$profile" = debug ] || cargo_options+=(--release)
(cd "$root" && cargo build --locked --package nearside --package nearside-host \
    --package nearside-rdp "${cargo_options[@]}")
"$root/host/extension/install.sh"
(cd "$root/host/extension" && npm run --silent build)

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
architecture=$(dpkg-architecture -qDEB_HOST_ARCH)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# dpkg-shlibdeps wants to be in a source package, with the staged folders below debian/.
mkdir "$work/debian"
printf 'Source: nearside\n\nPackage: nearside\nArchitecture: any\n' >"$work/debian/control"

# The libraries that the staged programs are linked to, as packages. $1: the staged folder.
linked() {
    local files
    mapfile -t files < <(find "$1/usr" -type f \( -perm -100 -o -name '*.so' \))
    (cd "$work" && dpkg-shlibdeps -O "${files[@]/#/-e}") |
        sed -n 's/^shlibs:Depends=//p'
}

# $1: package; standard input: the rest of its control file, @LINKED@ for what it is linked to.
package() {
    local staged=$work/debian/$1 libraries
    "$root/packaging/stage.sh" "$1" "$staged" "$target/$profile"
    libraries=$(linked "$staged")
    mkdir "$staged/DEBIAN"
    {
        echo "Package: $1"
        echo "Version: $version"
        echo "Architecture: $architecture"
        echo "Maintainer: Nearside contributors"
        echo "Installed-Size: $(du -sk "$staged" | cut -f 1)"
        sed "s/@LINKED@/$libraries/"
    } >"$staged/DEBIAN/control"
    (cd "$staged" && find etc usr -type f -print0 2>/dev/null | sort -z | xargs -0 md5sum) \
        >"$staged/DEBIAN/md5sums"
    dpkg-deb --root-owner-group --build "$staged" "$out/${1}_${version}_$architecture.deb"
}

# X11's and Wayland's libraries are loaded at run time, so nothing is linked to them.
package nearside <<'CONTROL'
Section: net
Priority: optional
Depends: @LINKED@, libegl1, libgl1, libx11-6, libx11-xcb1, libxcursor1, libxi6, libxkbcommon-x11-0, libxrandr2
Recommends: mesa-vulkan-drivers, libgl1-mesa-dri, libwayland-client0, libwayland-egl1, freerdp2-x11 | freerdp3-x11
Suggests: pulseaudio-utils
Description: multimedia redirection for remote desktops, the device's side
 Videos of a browser in a remote session are decoded, shown and played on this
 device, over any RDP connection whose client loads the plugin. FreeRDP loads it
 with the option /dvc:nearside.
CONTROL
package nearside-host <<'CONTROL'
Section: net
Priority: optional
Depends: @LINKED@
Recommends: chromium
Description: multimedia redirection for remote desktops, the session's side
 Connects the browsers of a remote session to Nearside on the device in front of
 the user. Contains the browser extension, which Debian's Chromium loads by
 itself, and examples of policies for other browsers.
CONTROL
