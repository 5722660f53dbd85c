/** What an element plays, as far as it concerns redirection. */
import type { Reason } from "../generated/messages.js";
import { getAttribute, hasAttribute, NativeMediaSource, native } from "./natives.js";
import { indexOf, isInstance, slice } from "./primordials.js";
import { reasons } from "./reasons.js";
import { mediaSourceAt } from "./tee.js";

export type Found =
  | { readonly key: ""; readonly kind: "nothing" }
  | { readonly key: string | object; readonly kind: "mse"; readonly mediaSource: MediaSource }
  | { readonly key: string; readonly kind: "url"; readonly url: string }
  /** Media that only the browser can reach; `null`: too small a thing to speak of. */
  | { readonly key: string | object; readonly kind: "local"; readonly reason: Reason | null };

const NOTHING: Found = { key: "", kind: "nothing" };
const NativeHandle = typeof MediaSourceHandle === "function" ? MediaSourceHandle : null;
const NETWORK_EMPTY = 0;
const NETWORK_NO_SOURCE = 3;
/** Longest address that the channel carries, in bytes; this many UTF-16 units may reach it. */
const MAX_URL = 8192;

/**
 * Whether the address asks for a part of the file with an end, where the browser stops (Media
 * Fragments URI 1.0, 4.2.1: `#t=1,4`).
 */
function asksForPart(url: string): boolean {
  const hash = indexOf(url, "#");
  const fragment = hash < 0 ? "" : slice(url, hash);
  const at = indexOf(fragment, "t=");
  const span = at < 0 ? "" : slice(fragment, at);
  return indexOf(span, ",") >= 0 || indexOf(span, "%2") >= 0;
}

/** Whether the browser chooses from `<source>` elements. */
export function chooses(element: HTMLMediaElement): boolean {
  return !hasAttribute(element, "src") && native.srcObject.get(element) === null;
}

/** What it has chosen: until it has, `currentSrc` is what it played before. */
function chosen(element: HTMLMediaElement): string {
  const state = native.networkState.get(element);
  return state === NETWORK_EMPTY || state === NETWORK_NO_SOURCE
    ? ""
    : native.currentSrc.get(element);
}

/** Of an empty attribute the browser makes the address of the document, and does not load it. */
function given(element: HTMLMediaElement): string {
  return getAttribute(element, "src") === "" ? "" : native.src.get(element);
}

export function findSource(element: HTMLMediaElement): Found {
  const object: unknown = native.srcObject.get(element);
  if (object !== null && typeof object === "object") {
    if (isInstance(NativeMediaSource, object)) {
      return { key: object, kind: "mse", mediaSource: object };
    }
    if (NativeHandle && isInstance(NativeHandle, object)) {
      return { key: object, kind: "local", reason: reasons.worker() };
    }
    return NOTHING;
  }
  const url = chooses(element) ? chosen(element) : given(element);
  if (url === "") return NOTHING;
  const mediaSource = mediaSourceAt(url);
  if (mediaSource) return { key: url, kind: "mse", mediaSource };
  const http = indexOf(url, "http://") === 0 || indexOf(url, "https://") === 0;
  if (http && asksForPart(url)) return { key: url, kind: "local", reason: reasons.part() };
  if (http && url.length <= MAX_URL) return { key: url, kind: "url", url };
  // Sounds of a page's own, as part of its code.
  const isData = indexOf(url, "data:") === 0;
  return { key: url, kind: "local", reason: isData ? null : reasons.localFile() };
}
