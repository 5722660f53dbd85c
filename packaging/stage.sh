#!/usr/bin/env bash
# Lays the files of a package out below a folder, as they are installed below /.
# Everything must be built: see build-deb.sh.
#
# Nothing below /etc is meant to be edited: browsers and desktops only look there. So these files
# are no dpkg conffiles, and they go with the package.
#
# usage: packaging/stage.sh nearside|nearside-host FOLDER BINARIES
#   BINARIES   where cargo put the programs, e.g. target/release
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -eq 3 ] || {
    echo "usage: $0 nearside|nearside-host FOLDER BINARIES" >&2
    exit 2
}
package=$1 to=$2 binaries=$3

# $1: mode, $2: source, $3: where, absolute.
put() {
    install -D -m "$1" "$2" "$to$3"
}
program() {
    put 755 "$binaries/$1" "$2"
    strip --strip-unneeded "$to$2"
}
# $1: what it leads to, $2: where.
link() {
    mkdir -p "$to$(dirname "$2")"
    ln -s "$1" "$to$2"
}
documents() {
    put 644 "$root/README.md" "/usr/share/doc/$package/README.md"
    mkdir -p "$to/usr/share/doc/$package"
    cat "$root/LICENSE" "$root/LICENSE-MIT" >"$to/usr/share/doc/$package/copyright"
    echo "The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0." \
        >>"$to/usr/share/doc/$package/copyright"
}

client() {
    local name folder
    for name in nearside nearside-panel nearside-stage nearside-demo; do
        program "$name" "/usr/lib/nearside/$name"
    done
    # The programs find each other beside the file that this leads to.
    link ../lib/nearside/nearside /usr/bin/nearside
    program libnearside_rdp.so /usr/lib/nearside/libnearside_rdp.so
    chmod 644 "$to/usr/lib/nearside/libnearside_rdp.so"
    folder=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
    for name in freerdp2 freerdp3; do
        link ../../nearside/libnearside_rdp.so "$folder/$name/libnearside-client.so"
    done
    put 644 "$root/packaging/linux/nearside.desktop" /usr/share/applications/nearside.desktop
    put 644 "$root/packaging/linux/nearside-agent.desktop" \
        /etc/xdg/autostart/nearside-agent.desktop
    put 644 "$root/assets/icons/nearside.svg" \
        /usr/share/icons/hicolor/scalable/apps/nearside.svg
}

host() {
    local id browser file
    id=$("$root/packaging/extension-id.sh")
    program nearside-host /usr/bin/nearside-host
    mkdir -p "$to/usr/share/nearside/extension"
    cp -R "$root/host/extension/dist/." "$to/usr/share/nearside/extension/"
    find "$to/usr/share/nearside" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    # Debian's Chromium loads what is here; other browsers take an extension by policy.
    link ../../nearside/extension /usr/share/chromium/extensions/nearside
    file=$(mktemp)
    sed "s/@EXTENSION_ID@/$id/" "$root/packaging/linux/native-messaging.json.in" >"$file"
    for browser in /etc/chromium /etc/opt/chrome /etc/opt/edge; do
        put 644 "$file" "$browser/native-messaging-hosts/org.nearside.host.json"
    done
    for browser in chrome edge; do
        sed "s/@EXTENSION_ID@/$id/" "$root/packaging/linux/browser-policy.$browser.json.in" >"$file"
        put 644 "$file" "/usr/share/doc/nearside-host/examples/browser-policy.$browser.json"
    done
    rm "$file"
    put 644 "$root/packaging/linux/policy.json" /usr/share/doc/nearside-host/examples/policy.json
}

umask 022
mkdir -p "$to"
case $package in
nearside) client ;;
nearside-host) host ;;
*)
    echo "stage.sh: unknown package '$package' (nearside, nearside-host)" >&2
    exit 2
    ;;
esac
documents
