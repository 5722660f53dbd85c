#!/usr/bin/env bash
# Everything that has to hold: scripts, format, spelling, licences, lints, documents, fuzz
# targets, what belongs on Windows, the extension in a browser, a real RDP session, tests. What
# runs here is what runs for every change.
#
# All steps run even when one fails; the exit code is 0 only when none did. The tests come last,
# so their summary ends the output; after a failed step one more line names it.
#
# usage: tests/run.sh [FILTER...]     with filters: only the tests that match, no other step
#
# shellcheck disable=SC2317 # the steps are functions that `step` calls by name
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
PATH="$PATH:$HOME/.cargo/bin"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$root/$target ;; esac
tools=$target/tools
failed=()
not_run=()

# $1: name; the rest: the command.
step() {
    local name=$1 began
    shift
    began=$(date +%s)
    echo "==> $name"
    if "$@"; then
        echo "    ok: $name, $(($(date +%s) - began)) s"
    else
        echo "    FAILED: $name, $(($(date +%s) - began)) s" >&2
        failed+=("$name")
    fi
}

# Tools that Debian has not are kept beside the build; the versions are pinned here.
typos() {
    if [ ! -x "$tools/typos-1.52.0/bin/typos" ]; then
        python3 -m venv "$tools/typos-1.52.0" &&
            "$tools/typos-1.52.0/bin/pip" install --quiet typos==1.52.0 || return
    fi
    "$tools/typos-1.52.0/bin/typos" --config typos.toml
}

deny() {
    if [ ! -x "$tools/deny-0.20.2/bin/cargo-deny" ]; then
        cargo install --quiet --locked --debug --version 0.20.2 --root "$tools/deny-0.20.2" \
            --target-dir "$tools/build" cargo-deny || return
        rm -rf "$tools/build"
    fi
    "$tools/deny-0.20.2/bin/cargo-deny" check licenses bans sources
}

scripts() {
    local files
    mapfile -t files < <(git ls-files '*.sh' .ci/run)
    shellcheck "${files[@]}"
}

clips() {
    local clip
    for clip in assets/clip/flash-beep-*; do
        assets/clip/measure.sh "$clip" >/dev/null || return
    done
}

extension() {
    host/extension/install.sh && npm --prefix host/extension run --silent build &&
        npm --prefix host/extension run --silent check && session_check &&
        npm --prefix host/extension test --silent
}

# The code of the rig and of the comparison with the browser, by the extension's tools.
session_check() {
    (cd host/extension && npx tsc -p ../../tests/session && npx tsc -p ../../tests/wpt &&
        npx biome check --colors=off --config-path=. ../../tests/session ../../tests/wpt)
}

# Real browsers and servers, and wine, on a busy machine: what fails gets a second chance, and both
# results are shown.

# $@: the files; all of them where none is named.
in_a_browser() (
    cd host/extension || exit
    [ $# -gt 0 ] || set -- tests/browser/*.e2e.ts
    node --import tsx --test --test-concurrency=1 --test-timeout=600000 \
        --test-reporter=tap --test-reporter-destination=stdout \
        --test-reporter="$root/tests/failed.mjs" --test-reporter-destination="$failures" "$@"
)

extension_in_a_browser() {
    local failures=$target/extension-failed again
    npm --prefix host/extension run --silent build || return
    rm -f "$failures"
    in_a_browser && return
    mapfile -t again < <(cut -f1 "$failures" | sort -u)
    echo "    once more: ${again[*]}"
    # Without a list the runner itself has failed.
    [ ${#again[@]} -gt 0 ] && in_a_browser "${again[@]}"
}

session() {
    local failures=$target/rig/failed again
    rm -f "$failures"
    tests/rig.sh && return
    mapfile -t again < <(cut -f2 "$failures" 2>/dev/null)
    echo "    once more: ${again[*]:-all}"
    tests/rig.sh "${again[@]}"
}

windows() {
    local status=0
    tests/windows.sh || status=$?
    # Said once more at the end.
    [ "$status" -ne 77 ] || { not_run+=("the Windows side, see above") && return 0; }
    [ "$status" -ne 0 ] || return 0
    echo "    once more"
    tests/windows.sh
}

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --all-features --locked "$@"
    else
        echo "cargo-nextest is not installed: using cargo test, without its time limits"
        cargo test --workspace --all-features --locked --lib --bins --tests "$@"
    fi
}

"$root/packaging/install-deps.sh" build run test browser session || exit 1
if [ $# -gt 0 ]; then
    # Scenarios start the programs themselves.
    cargo build --workspace --all-targets --all-features --locked && tests "$@"
    exit
fi

step "scripts" scripts
step "format" cargo fmt --all --check
step "spelling" typos
step "policy templates" python3 packaging/windows/check_templates.py
step "clip timing" clips
step "licences and sources of dependencies" deny
step "lints" cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" step "documents" \
    cargo doc --workspace --all-features --no-deps --document-private-items --locked
# All targets at once, so that programs and tests share one set of compiled dependencies.
step "build" cargo build --workspace --all-targets --all-features --locked
step "examples in documents" cargo test --doc --workspace --all-features --locked
step "fuzz targets, a bounded run" channel/fuzz/run.sh
step "what belongs on Windows, under wine" windows
step "extension" extension
step "extension in a browser" extension_in_a_browser
step "a real RDP client and session" session

[ ${#failed[@]} -eq 0 ] || printf '    failed before the tests: %s\n' "${failed[@]}" >&2
[ ${#not_run[@]} -eq 0 ] || printf '    NOT RUN on this machine: %s\n' "${not_run[@]}" >&2
echo "==> tests"
tests
status=$?
if [ ${#failed[@]} -gt 0 ]; then
    printf 'tests/run.sh: failed step: %s\n' "${failed[@]}" >&2
    exit 1
fi
exit $status
