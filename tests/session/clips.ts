// The clips that the rig plays, made by FFmpeg and kept beside the build: a picture with a block
// of a pure colour in each corner (picture.ts), its number in black and white bars, and a tone.

import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { BARS, CORNER_SHARE, CORNERS } from "./picture.ts";
import type { Processes } from "./processes.ts";

/** Pictures a second and in a clip. */
export const RATE = 30;
export const SECONDS = 4;
export const FRAMES = RATE * SECONDS;

/** Length of the clip `long`. */
export const LONG_SECONDS = 30;

/** Encoding gets so long in milliseconds. */
const LIMIT_MS = 240_000;

function pattern(width: number, height: number): string {
  const w = Math.round(width * CORNER_SHARE.x);
  const h = Math.round(height * CORNER_SHARE.y);
  const boxes = CORNERS.map(({ rgb, right, bottom }) => {
    const colour = rgb.map((value) => value.toString(16).padStart(2, "0")).join("");
    const [x, y] = [right ? width - w : 0, bottom ? height - h : 0];
    return `drawbox=x=${x}:y=${y}:w=${w}:h=${h}:c=0x${colour}:t=fill`;
  });
  const bar = Math.floor((width * BARS.width) / BARS.count);
  const bars = Array.from({ length: BARS.count }, (_, bit) => {
    const isSet = `mod(floor(n/${2 ** bit})\\,2)`;
    const x = width * BARS.x + bit * bar;
    const y = height * BARS.y;
    return `drawbox=x=${x}:y=${y}:w=${bar}:h=${h}:c=white:t=fill:enable='${isSet}'`;
  });
  return [...boxes, ...bars].join(",");
}

interface Recipe {
  /** File that a page opens, in the clip's folder. */
  entry: string;
  arguments: string[];
}

function tone(seconds = SECONDS): string[] {
  return ["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${seconds}`];
}
const TONE = tone();
const H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "2"].concat(
  ["-g", String(RATE), "-keyint_min", String(RATE), "-sc_threshold", "0", "-b:v", "900k"],
  ["-pix_fmt", "yuv420p", "-color_range", "tv", "-colorspace", "bt709"],
  ["-color_primaries", "bt709", "-color_trc", "bt709"],
);
const AAC = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"];
const HLS = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"];

function picture(width: number, height: number, seconds = SECONDS): string[] {
  const source = `color=c=0x505050:size=${width}x${height}:rate=${RATE}:duration=${seconds}`;
  const colours = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
  const chain = `${source},format=rgb24,${pattern(width, height)},${colours}`;
  return ["-f", "lavfi", "-i", chain];
}

const SMALL = picture(640, 360);
const LARGE = picture(960, 540);

/** 5 Mbit/s of noise and motion, at a constant rate, for measurements. */
export const STEADY_SECONDS = 24;
const STEADY = [
  ...["-f", "lavfi", "-i", `testsrc2=size=1920x1080:rate=30:duration=${STEADY_SECONDS}`],
  ...tone(STEADY_SECONDS),
  ...["-vf", `noise=alls=12:allf=t,${pattern(1920, 1080)},format=yuv420p`, "-c:v", "libx264"],
  ...["-preset", "veryfast", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0"],
  ...["-b:v", "5M", "-minrate", "5M", "-maxrate", "5M", "-bufsize", "5M"],
  ...["-x264-params", "nal-hrd=cbr", ...AAC, ...HLS, "-hls_time", "2"],
  ...["-hls_segment_type", "fmp4"],
];

const RECIPES = {
  fmp4: {
    entry: "index.m3u8",
    arguments: [...SMALL, ...TONE, ...H264, ...AAC, ...HLS, "-hls_segment_type", "fmp4"],
  },
  ts: { entry: "index.m3u8", arguments: [...SMALL, ...TONE, ...H264, ...AAC, ...HLS] },
  mp3: {
    entry: "index.m3u8",
    arguments: [...SMALL, ...TONE, ...H264, "-c:a", "libmp3lame", "-ac", "2", ...HLS],
  },
  /** Loud, then silent, and without a header: by its begin it is a third as long as it is. */
  vbr: {
    entry: "index.mp3",
    arguments: [
      ...["-f", "lavfi", "-i", "aevalsrc=random(0)*lt(t\\,2):s=44100:d=6", "-c:a", "libmp3lame"],
      ...["-q:a", "4", "-write_xing", "0", "-id3v2_version", "0"],
    ],
  },
  dash: {
    entry: "index.mpd",
    arguments: [...SMALL, ...TONE, ...H264, ...AAC, "-f", "dash", "-seg_duration", "1"],
  },
  mp4: {
    entry: "index.mp4",
    arguments: [...SMALL, ...TONE, ...H264, ...AAC, "-movflags", "+faststart"],
  },
  webm: {
    entry: "index.webm",
    arguments: [
      ...[...SMALL, ...TONE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
      ...["-b:v", "900k", "-g", String(RATE), "-c:a", "libopus", "-ac", "2"],
    ],
  },
  abr: {
    entry: "index.m3u8",
    arguments: [
      ...[...SMALL, ...LARGE, ...TONE, "-map", "0:v", "-map", "1:v", "-map", "2:a", "-map", "2:a"],
      ...[...H264, ...AAC, ...HLS, "-hls_segment_type", "fmp4", "-b:v:0", "500k"],
      ...["-b:v:1", "1500k", "-var_stream_map", "v:0,a:0 v:1,a:1"],
      ...["-hls_fmp4_init_filename", "init.mp4", "-master_pl_name", "index.m3u8"],
    ],
  },
  long: {
    entry: "index.m3u8",
    arguments: [
      ...[...picture(640, 360, LONG_SECONDS), ...tone(LONG_SECONDS), ...H264, ...AAC, ...HLS],
      ...["-hls_segment_type", "fmp4"],
    ],
  },
  steady: { entry: "index.m3u8", arguments: STEADY },
} satisfies Record<string, Recipe>;

export type ClipName = keyof typeof RECIPES;

/** Makes a clip unless it is there already. Returns its folder and the entry's name. */
export async function clip(
  processes: Processes,
  store: string,
  name: ClipName,
): Promise<{ folder: string; entry: string }> {
  const recipe: Recipe = RECIPES[name];
  const version = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
  const folder = path.join(store, `${name}-${version}`);
  if (fs.existsSync(folder)) return { folder, entry: recipe.entry };
  fs.mkdirSync(store, { recursive: true });
  const unfinished = fs.mkdtempSync(path.join(store, "unfinished-"));
  const output = name === "abr" ? "stream-%v/index.m3u8" : recipe.entry;
  try {
    await processes.run(
      {
        name: `ffmpeg-${name}`,
        program: "ffmpeg",
        arguments: ["-hide_banner", "-loglevel", "error", "-y", ...recipe.arguments, output],
        cwd: unfinished,
      },
      LIMIT_MS,
    );
    fs.chmodSync(unfinished, 0o755);
    fs.renameSync(unfinished, folder);
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true });
  }
  return { folder, entry: recipe.entry };
}
