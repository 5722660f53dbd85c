/**
 * Keeps the page's timers going while nobody sees it and the device plays for it.
 *
 * Of a page that was not seen for minutes the browser wakes the timers once a minute, unless it
 * is heard; what the device plays is not heard in the session, and the page's player would append
 * its media too late. A page with an open RTCDataChannel is spared as well (Chromium's "intensive
 * throttling"): here it gets one to itself, which no script of the page can find.
 */
import type { Motion } from "./bridge_protocol.js";

/** Tabs that are left for a moment are spared anyway. */
const AFTER_MS = 10_000;

interface Pair {
  readonly near: RTCPeerConnection;
  readonly far: RTCPeerConnection;
}

export class Wakeful {
  readonly #playing = new Set<number>();
  #timer = 0;
  #pair: Pair | null = null;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#look());
  }

  moves(player: number, motion: Motion): void {
    if (motion === "paused") this.#playing.delete(player);
    else this.#playing.add(player);
    this.#look();
  }

  #look(): void {
    const isNeeded = this.#playing.size > 0 && document.visibilityState === "hidden";
    if (!isNeeded) this.#rest();
    else if (this.#timer === 0 && !this.#pair) {
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.#pair = joined();
      }, AFTER_MS);
    }
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#pair?.near.close();
    this.#pair?.far.close();
    this.#pair = null;
  }
}

/** Two ends of a connection within this page; `null` where there is none to be had. */
function joined(): Pair | null {
  try {
    const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
    near.createDataChannel("");
    // One that cannot be made, or was closed meanwhile, leaves everything as it was.
    join(near, far).catch(() => {});
    return { near, far };
  } catch {
    return null;
  }
}

async function join(near: RTCPeerConnection, far: RTCPeerConnection): Promise<void> {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) to.addIceCandidate(candidate).catch(() => {});
    });
  }
  await near.setLocalDescription();
  await far.setRemoteDescription(described(near));
  await far.setLocalDescription();
  await near.setRemoteDescription(described(far));
}

function described({ localDescription }: RTCPeerConnection): RTCSessionDescription {
  if (!localDescription) throw new Error("closed");
  return localDescription;
}
