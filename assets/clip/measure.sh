#!/usr/bin/env bash
# Measures a flash-and-beep clip with the ffmpeg program: prints when each flash and each beep
# starts and fails unless every pair lies within 1 ms and there are nine of them.
#
# usage: measure.sh FILE
set -euo pipefail
file=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# First bright picture after a dark one. `-copyts` keeps the file's own time line.
ffmpeg -hide_banner -loglevel error -copyts -i "$file" -an \
    -vf "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-" -f null - |
    awk '/pts_time:/ { sub(/.*pts_time:/, ""); pts = $1 }
         /YAVG=/ { sub(/.*=/, ""); share = ($1 - 16) / 219
                   if (share > 0.9 && !bright) printf "%.6f\n", pts
                   if (share > 0.25 && share <= 0.9) print "grey picture at " pts > "/dev/stderr"
                   bright = share > 0.9 }' >"$work/flashes"

# First sample over -20 dBFS after 50 ms of quiet. `aresample=first_pts=0` puts sample 0 at pts 0.
ffmpeg -hide_banner -loglevel error -copyts -i "$file" -vn -af "aresample=48000:first_pts=0" -ac 1 -f s16le - |
    od -An -v -t d2 -w2 |
    awk '{ level = $1 < 0 ? -$1 : $1
           if (level > 3276) { if (NR - last > 2400) printf "%.6f\n", (NR - 1) / 48000; last = NR } }
         BEGIN { last = -1e9 }' >"$work/beeps"

paste "$work/flashes" "$work/beeps" | awk -v file="$file" '
    { offset = ($1 - $2) * 1000; printf "flash %.6f s  beep %.6f s  A/V offset %+.3f ms\n", $1, $2, offset
      if (NF != 2 || offset > 1 || offset < -1) wrong = 1 }
    END { if (NR != 9 || wrong) { print file ": flashes and beeps do not match" > "/dev/stderr"; exit 1 } }'
