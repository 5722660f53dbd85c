/** Why media stays in the session, in words for people. */
import type { Reason } from "../generated/messages.js";
import { slice } from "./primordials.js";

const AFTERWARDS = "Nothing is needed: it plays in the session.";

export const reasons = {
  protectedContent: (): Reason => ({
    code: "protected_content",
    message: "The media is protected (encrypted).",
    next_step: AFTERWARDS,
  }),
  capture: (what: string): Reason => ({
    code: "policy",
    message: `The page reads the media itself (${what}).`,
    next_step: AFTERWARDS,
  }),
  pictureInPicture: (): Reason => ({
    code: "policy",
    message: "The video is shown picture-in-picture.",
    next_step: "Close the picture-in-picture window: it goes on on the device then.",
  }),
  worker: (): Reason => ({
    code: "policy",
    message: "The page feeds the media from a worker, where it cannot be seen.",
    next_step: AFTERWARDS,
  }),
  container: (subtype: string): Reason => ({
    code: "unsupported_container",
    message: `The device does not play the format ${clipped(subtype)}.`,
    next_step: AFTERWARDS,
  }),
  codec: (codec: string): Reason => ({
    code: "unsupported_codec",
    message: `The device does not play the codec ${clipped(codec)}.`,
    next_step: AFTERWARDS,
  }),
  localFile: (): Reason => ({
    code: "network",
    message: "The media exists only inside this browser.",
    next_step: AFTERWARDS,
  }),
  part: (): Reason => ({
    code: "policy",
    message: "The page plays only a part of the file.",
    next_step: AFTERWARDS,
  }),
  rate: (): Reason => ({
    code: "policy",
    message: "The page plays at a speed that the device does not.",
    next_step: "The device plays when the speed is between 0.25 and 4.",
  }),
  notKept: (): Reason => ({
    code: "stage_unavailable",
    message: "The device was reached after the media had begun.",
    next_step: "The device plays as soon as the page loads the next part.",
  }),
  deviceSilent: (): Reason => ({
    code: "stage_unavailable",
    message: "The device does not answer.",
    next_step: "It plays in the session until the device is back.",
  }),
  linkLost: (): Reason => ({
    code: "stage_unavailable",
    message: "The connection to the device was lost.",
    next_step: "It plays in the session until the device is back.",
  }),
};

/** A word of the page's, bounded. */
function clipped(word: string): string {
  return slice(word, 0, 64);
}
