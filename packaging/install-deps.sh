#!/usr/bin/env bash
# Installs the Debian packages that the named jobs need; says which before it does.
# Quick when nothing is missing. Never asks a question.
#
# usage: packaging/install-deps.sh JOB...     JOB: build, run, test, browser, session, windows, package, bench
set -euo pipefail

# One package a line, then why.
packages() {
    case $1 in
    build) cat <<'LIST' ;;
build-essential      C compiler and headers, for crates that bind C libraries
pkg-config           finds those libraries
clang                links, and reads C headers for the FFmpeg binding
libclang-dev         the library form of the same
mold                 a fast linker
libavcodec-dev       FFmpeg: decoders
libavformat-dev      FFmpeg: containers
libavutil-dev        FFmpeg: common parts
libswresample-dev    FFmpeg: sound conversion
libswscale-dev       FFmpeg: picture conversion
libasound2-dev       ALSA, the sound output below PulseAudio and PipeWire
LIST
    run) cat <<'LIST' ;;
mesa-vulkan-drivers  Vulkan, in software where there is no GPU
libgl1-mesa-dri      OpenGL, in software where there is no GPU
libegl1              how OpenGL starts
libgl1               OpenGL's entry points
libx11-xcb1          X11 windows
libxkbcommon-x11-0   keyboard layouts
libxcursor1          mouse pointers
libxi6               input devices
libxrandr2           screens and their refresh rates
ca-certificates      whom to believe when media is fetched by https
LIST
    test) cat <<'LIST' ;;
xvfb                 a display for tests on machines without one
ffmpeg               makes the clips that tests play
fonts-dejavu-core    text in those clips
fontconfig           finds that font
pulseaudio           a private sound server, so that tests hear themselves only
pulseaudio-utils     talks to it
dbus-daemon          a private session bus with a tray on it
python3-venv         holds the spelling checker
shellcheck           checks the scripts
LIST
    browser) cat <<'LIST' ;;
nodejs               builds and tests the extension
npm                  brings what the extension's build and tests need
chromium             the browser that the extension is tested in
xvfb                 a display of its own for that browser
ffmpeg               makes the clips that pages play
LIST
    session) cat <<'LIST' ;;
xrdp                 the RDP server
xorgxrdp             its X server
freerdp2-x11         the RDP client
openbox              a window manager for session and device
xfwm4                one under which browsers draw shadows
dbus-x11             what browsers expect of a session
xdotool              moves and minimises windows
x11-xserver-utils    cuts a screen into monitors
xvfb                 the device's screen
pulseaudio           the device's sound
pulseaudio-utils     talks to it
LIST
    windows) cat <<'LIST' ;;
gcc-mingw-w64-x86-64-win32  links programs for Windows
wine64               runs them
LIST
    package) cat <<'LIST' ;;
dpkg-dev             makes Debian packages, and finds what programs are linked to
binutils             takes debug symbols out
nodejs               builds the extension
npm                  brings what that needs
LIST
    bench) cat <<'LIST' ;;
mpv                  the player to compare with
xvfb                 a display of its own
pulseaudio           a sound server of its own
pulseaudio-utils     talks to it
python3              runs the benchmark
ffmpeg               ffprobe counts a file's pictures
LIST
    *)
        echo "install-deps.sh: unknown job '$1' (build, run, test, browser, session, windows, package, bench)" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] || {
    echo "usage: $0 JOB...   (build, run, test, browser, session, windows, package, bench)" >&2
    exit 2
}
if ! command -v dpkg-query >/dev/null; then
    echo "install-deps.sh: this is not a Debian system; please install what these stand for:" >&2
    for job in "$@"; do packages "$job" >&2; done
    exit 0
fi

wanted=$(for job in "$@"; do packages "$job"; done | sort -u)
# Prints the wanted packages that are not installed, one a line.
# Node may be there from elsewhere, whose package npm would conflict with.
if command -v npm >/dev/null; then wanted=$(grep -Ev '^(nodejs|npm) ' <<<"$wanted"); fi
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | awk '$2 == "installed" { print $1 }')
missing=$(awk 'NR == FNR { have[$1] = 1; next } !($1 in have) && !seen[$1]++' \
    <(echo "$installed") <(echo "$wanted"))
[ -n "$missing" ] || exit 0

echo "Missing Debian packages, to be installed now:"
# The text is a list, not a format.
while IFS= read -r line; do echo "  $line"; done <<<"$missing"

root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-deps.sh: neither root nor sudo: please install them, then run this again." >&2
        exit 1
    }
    root=(sudo)
fi
mapfile -t names < <(awk '{ print $1 }' <<<"$missing")
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${names[@]}"
