// What the rig says of a page that it has played.

import type { Rect } from "./x11.ts";

export interface Report {
  redirected: boolean;
  /** Codes and sentences, as the panels show them. */
  fallback_reasons: string[];
  /** Every element that began to play has ended. */
  ended: boolean;
  player_errors: string[];
  /** Pictures that the session's browser decoded itself. */
  native_frames_decoded: number;
  device_frames_presented: number;
  device_frames_dropped: number;
  /** Chromium's processes and nearside-host. */
  browser_cpu_seconds: number;
  /** Everything of the session: the above, Xorg, xrdp and the rest. */
  session_cpu_seconds: number;
  /** From the click, or from the navigation when the page plays by itself; the browser rests. */
  first_frame_ms: number | null;
  overlay: Overlay | null;
  control_rtt_ms: Percentiles | null;
}

export interface Overlay {
  /** Where the page's video lies on the device's screen, through the RDP client's window. */
  expected_px: Rect;
  /** Where its picture was found there; nothing when it was not. */
  actual_px: Rect | null;
  /** Found by the clip's own colours, or, for other pictures, by the stage's window. */
  found_by: "colours" | "window" | null;
}

export interface Percentiles {
  p50: number;
  p99: number;
}
