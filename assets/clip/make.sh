#!/usr/bin/env bash
# Makes the demo clip: a moving picture with a white flash and a 1 kHz beep at each full second.
#
# Needs the ffmpeg program (libx264, libvpx, libopus) and the DejaVu fonts. The result is
# committed, so nobody has to run this unless the picture changes.
#
# What the picture promises, so that programs can measure on it:
#   - 300 pictures at 30 Hz; the first has pts 0 in both files.
#   - From second 1 to second 9, pictures 0, 1 and 2 of the second are white but for the text
#     and the code strip (mean luma > 90 %); every other picture is dark (mean luma < 25 %).
#   - The beep (1 kHz sine, -6 dBFS, 100 ms, both channels) starts with the sample of the same
#     pts as the first white picture. Between beeps: silence.
#   - Along the bottom edge the picture number stands in binary: 10 cells of 192x40 (of
#     1920x1080), most significant first, white for one and black for zero.
set -euo pipefail
cd "$(dirname "$0")"

font=$(fc-match -f '%{file}' 'DejaVu Sans Mono:bold')
case $font in
*DejaVuSansMono-Bold*) ;;
*) echo "make.sh: DejaVu Sans Mono Bold is missing (package fonts-dejavu-core)" >&2 && exit 1 ;;
esac

flash="gte(n,30)*lt(mod(n,30),3)"
text="drawtext=fontfile=$font:x=(w-text_w)/2"

# The picture is composed in RGB and converted once, so that its colours are right in BT.709.
picture="color=0x10161e:s=1920x1080:r=30:d=10,format=gbrp[base];"
picture+="color=0x2f6fed:s=24x560:r=30:d=10,format=gbrp[bar];"
picture+="color=0xf2c14e:s=72x72:r=30:d=10,format=gbrp[dot];"
picture+="[base][bar]overlay=x='mod(n*8,1920)':y=150:format=gbrp[moving];"
picture+="[moving][dot]overlay=x='924+380*sin(2*PI*t)':y='390-230*cos(2*PI*t)':format=gbrp"
# Colour patches at 75 %, to see a wrong matrix or range at a glance.
colours=(bfbfbf bfbf00 00bfbf 00bf00 bf00bf bf0000 0000bf)
for index in "${!colours[@]}"; do
    picture+=",drawbox=x=$((260 + index * 200)):y=880:w=200:h=80:t=fill:c=0x${colours[index]}"
done
picture+=",drawbox=t=fill:c=white:enable='$flash'"
for tone in "white:enable='not($flash)'" "black:enable='$flash'"; do
    picture+=",$text:fontsize=120:y=360:fontcolor=$tone:text='%{eif\:n\:d\:4}'"
    picture+=",$text:fontsize=64:y=740:fontcolor=$tone:timecode='00\:00\:00\:00':rate=30"
done
picture+=",drawbox=x=0:y=1040:w=1920:h=40:t=fill:c=black"
for bit in {0..9}; do
    cell="x=$(((9 - bit) * 192)):y=1040:w=192:h=40"
    picture+=",drawbox=$cell:t=fill:c=white:enable='mod(floor(n/$((1 << bit))),2)'"
done

# $1: samples to leave out at the start.
beep() {
    local n="(n+$1)"
    echo "aevalsrc='gte($n,48000)*lt($n,480000)*lt(mod($n,48000),4800)*0.5*sin(2*PI*$n/48)':s=48000:d=10,aformat=cl=stereo"
}
to_yuv="scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p"
tags=(-color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709)
# No version strings and no random identifiers: the same programs make the same bytes.
exact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact)

# AAC carries 1024 samples of encoder delay. They are cut from the source and the packets are
# moved to start at 0, so the sound needs no edit list. The picture has one, as usual with
# B-frames: it takes the reordering delay of two pictures away. A fragment a second, as
# streaming sites do.
ffmpeg -hide_banner -loglevel warning -y \
    -f lavfi -i "${picture},${to_yuv}" -f lavfi -i "$(beep 1024)" \
    -c:v libx264 -profile:v high -preset slow -crf 25 -bf 3 -g 30 -keyint_min 30 -sc_threshold 0 \
    -flags +cgop -x264-params "b-pyramid=normal:b-adapt=0" "${tags[@]}" \
    -c:a aac -b:a 96k -bsf:a "setts=ts=TS+1024" -t 10 \
    -movflags +frag_keyframe+delay_moov+default_base_moof -use_editlist 1 \
    "${exact[@]}" flash-beep-1080p30.mp4

# A cluster every two seconds with a key frame as its first picture. Opus carries 312 samples
# (6.5 ms) of encoder delay, which WebM declares (CodecDelay) and players subtract: the blocks
# count from 0. WebM's clock has milliseconds, so all times are rounded to those.
ffmpeg -hide_banner -loglevel warning -y \
    -f lavfi -i "${picture},scale=1280:720:flags=area,${to_yuv}" -f lavfi -i "$(beep 0)" \
    -c:v libvpx-vp9 -b:v 0 -crf 34 -g 60 -keyint_min 60 -row-mt 1 -cpu-used 2 -lag-in-frames 25 \
    "${tags[@]}" -c:a libopus -b:a 64k -bsf:a "setts=ts=TS+7" -t 10 -cluster_time_limit 2000 \
    "${exact[@]}" flash-beep-vp9.webm

./measure.sh flash-beep-1080p30.mp4
./measure.sh flash-beep-vp9.webm
