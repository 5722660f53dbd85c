/**
 * What a frame's content script and the service worker say to each other.
 *
 * One `chrome.runtime` port per frame, opened when the frame's first media element is seen.
 * Ids are the frame's own; the worker makes them unique in the browser. Times are
 * microseconds, rectangles physical pixels of the remote desktop, as in the channel.
 *
 * Invariant: everything that comes from a frame is hostile, the worker checks it. Nothing of
 * this is ever visible to the page.
 */
import type {
  ChannelState,
  PlayerCommand,
  PlayerEvent,
  Reason,
  StreamCommand,
  StreamEvent,
  TimeRange,
} from "./generated/messages.js";

/** Name of the port that a frame opens. */
export const FRAME_PORT = "nearside-frame";

/** The worker's question to a tab whether the extension's scripts are in it; the answer: `true`. */
export const PRESENT = "nearside-present";

/** What a frame asks the worker without a port. */
export type FrameQuestion =
  /** Its tab's zoom: a number, or `null` where nobody knows. */
  | { type: "zoom" }
  /**
   * It wants to know where it lies in the frame around it: so deep in the tab's frames, in one
   * of this origin (`"null"`: it is not told). The answer: a token to give to that frame, or
   * `null`: there is none with a script of ours.
   */
  | { type: "embedded"; depth: number; around: string }
  /** It has taken a token of a frame in it. */
  | { type: "joined"; token: string };

/** What the worker says to frames without a port. */
export type FrameNotice =
  /** To the frames so deep, of this origin: one in you will give you this token. Answer: `true`. */
  | { type: "expect"; token: string; depth: number; around: string }
  /** The frame around you has taken this token. */
  | { type: "joined"; token: string };

/** From a frame to the worker, in arrays: what one task gave rise to. */
export type FrameMessage =
  /** A media element does something; streams are announced by its `add_stream`. */
  | { type: "player"; player: number; command: PlayerCommand }
  | { type: "stream"; stream: number; command: StreamCommand }
  /** At most MAX_PIECE bytes of the append under way. A string is base64 already. */
  | { type: "media"; stream: number; data: ArrayBuffer | string }
  | { type: "buffered"; stream: number; seq: number; buffered: TimeRange[] }
  /** The document has another address without being loaded: its origin and first folder. */
  | { type: "moved"; url: string }
  /** The page's scripts stand still for a dialog of the browser, or go on. */
  | { type: "dialog"; open: boolean }
  /** Where the element plays now, for icon and popup; `reason` when it is native. */
  | { type: "report"; player: number; plays: "device" | "native" | "gone"; reason: Reason | null };

/** From the worker to a frame. */
export type WorkerMessage =
  /** First message, and at each change. `refused`: why nothing in this frame is redirected. */
  | { type: "config"; channel: ChannelState; refused: Reason | null }
  /**
   * The stage takes media (again): send state, `seek` and `play`. A frame that joins a page
   * whose stage runs already gets it right after `config`.
   */
  | { type: "page_ready" }
  /** The stage is gone: everything plays natively until the next `page_ready`. */
  | { type: "page_failed"; reason: Reason }
  /** The host that knew the player is gone, with its media; another one may get what comes. */
  | { type: "forgotten"; player: number; reason: Reason }
  | { type: "player"; player: number; event: PlayerEvent }
  | { type: "stream"; stream: number; event: StreamEvent }
  /** So many characters of the frame's media were read by the host, or are of no use. */
  | { type: "taken"; length: number }
  /** The user asks for this on the device: carry it out as the page's own controls would. */
  | { type: "steer"; player: number; command: PlayerCommand };
