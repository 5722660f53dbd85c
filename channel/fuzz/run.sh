#!/bin/sh
# Builds the fuzz targets with coverage feedback and runs each for a bounded count.
#
#   channel/fuzz/run.sh [RUNS] [TARGET...]     RUNS per target, 200000 if left out
#
# Stable Rust: the instrumentation below is LLVM's own pass, which libFuzzer reads; the
# address sanitizer is left out because it needs a nightly compiler, and the crate has no
# unsafe code for it to watch. Needs a C++ compiler. Ends with 1 when a target crashes; its
# input is then under artifacts/.
set -eu
cd "$(dirname "$0")"
runs=${1:-200000}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- frame_reader messages append_assembler

passes="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
passes="$passes -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
passes="$passes -Cllvm-args=-sanitizer-coverage-pc-table"
passes="$passes -Cllvm-args=-sanitizer-coverage-trace-compares"
# A target named on the command line keeps the flags away from build scripts and macros.
host=$(rustc -vV | sed -n 's/^host: //p')

echo "fuzz: building $*"
env -u CARGO_TARGET_DIR RUSTFLAGS="$passes --cfg fuzzing" \
    cargo build --release --locked --quiet --target "$host" --target-dir target

for target in "$@"; do
    echo "fuzz: $target, $runs runs"
    mkdir -p "corpus/$target" artifacts
    if [ "$target" = messages ]; then
        # A body of every variant of the schema; the digit chooses the reader.
        awk -v folder="corpus/messages" '
            /^HostMessage/ { reader = 0 } /^DeviceMessage/ { reader = 1 }
            /^StreamCommand/ { reader = 2 }
            /^  \{/ { file = folder "/sample-" ++count; printf "%s%s", reader, substr($0, 3) > file
                      close(file) }' ../tests/fixtures/wire.txt
        seeds=
    else
        seeds=seeds/$target
    fi
    log="artifacts/$target.log"
    if ! "target/$host/release/$target" "corpus/$target" ${seeds:+"$seeds"} -runs="$runs" \
        -seed=1 -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target-" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "fuzz: $target failed, see channel/fuzz/artifacts" >&2
        exit 1
    fi
    grep -E '^(#.*DONE|stat::number_of_executed_units|stat::peak_rss_mb)' "$log"
done
