/**
 * What the page's world and the isolated world of one frame say to each other.
 *
 * The main world makes a MessageChannel and hands one port over in a MessageEvent that it
 * dispatches synchronously at document start; the isolated world listens first and stops it,
 * so the page never holds the port, which is the way to the main world. What that says comes
 * in events whose random name only these two know, so that it waits for no task of the page's:
 * `MainMessage[]` as `data` of a MessageEvent with `-messages` after the name, an element as
 * `submitter` of a SubmitEvent of the name itself, in the order of `watch`, and with `-open`
 * and `-shut` after the name that the browser shows a dialog. `document.open()` takes all of
 * these listeners away: messages that nobody prevents the default of were not heard. That goes
 * over by the port, and the frame plays in the session from then on.
 */
import type { FrameMessage, WorkerMessage } from "../frame_protocol.js";

/** What the worker says beyond the port's own business. */
export type HeardMessage = Exclude<WorkerMessage, { type: "taken" }>;

/** Type of the event that carries the port; its `data` is the name of the other events. */
export const BOOT_EVENT = "nearside-boot";

/** How the device plays an element; `waiting`: for media, or at a seek. */
export type Motion = "moving" | "waiting" | "paused";

/** From the page's world. */
export type MainMessage =
  | FrameMessage
  /** The frame has media: the worker is needed. */
  | { type: "connect" }
  /** Tell the device where this element lies; the element was handed over just before. */
  | { type: "watch"; player: number }
  | { type: "unwatch"; player: number }
  /** Say over this element why it plays in the session; handed over as for `watch`. */
  | { type: "explain"; message: string }
  /** Said at each change; `paused` at first. */
  | { type: "motion"; player: number; motion: Motion };

/** To the page's world. */
export type IsolatedMessage =
  | HeardMessage
  /** The worker is gone, and with it everything it knew of this frame. */
  | { type: "link_lost" };
