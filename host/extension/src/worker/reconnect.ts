/**
 * When the port to nearside-host is opened and closed.
 *
 * ```text
 *          wanted           lost
 *  Idle ───────────▶ Up ───────────▶ Waiting
 *   ▲ ▲              │ ▲              │  │ not wanted
 *   │ └──────────────┘ └──────────────┘  │
 *   │  not wanted       delay over, or   │
 *   │  for LINGER_MS    somebody new     │
 *   └────────────────────────────────────┘
 * ```
 *
 * A host that ends is started again after a growing delay and, when that does not help, only
 * when somebody asks again: a new frame or the popup. A host that is not installed is never
 * tried on a timer. So a broken installation costs nothing while nothing happens.
 *
 * Pure: time is an argument in milliseconds, what is to be done is returned. Owner: the
 * worker's native port.
 */

/** How long the port stays open after the last frame went: the next page comes soon. */
export const LINGER_MS = 15_000;
/** A host that was up this long is taken as sound again. */
const SOUND_MS = 10_000;
const FIRST_DELAY_MS = 500;
const MAX_ATTEMPTS = 6;

export type Action =
  | { do: "open" }
  | { do: "close" }
  /** Replaces the timer before it. */
  | { do: "wake"; after_ms: number }
  | { do: "nothing" };

type State =
  | { at: "idle" }
  | { at: "up"; since_ms: number; greeted: boolean; lingers: boolean }
  | { at: "waiting"; since_ms: number };

const NOTHING: Action = { do: "nothing" };

export class Reconnect {
  #state: State = { at: "idle" };
  #wanted = false;
  #failures = 0;

  /** Somebody needs the host (a frame or the popup came). */
  want(now_ms: number): Action {
    this.#wanted = true;
    const state = this.#state;
    if (state.at === "up") {
      state.lingers = false;
      return NOTHING;
    }
    if (state.at === "idle") return { do: "open" };
    // Somebody new is worth another try, but a page that makes many frames is not many.
    const rest_ms = state.since_ms + FIRST_DELAY_MS - now_ms;
    return rest_ms <= 0 ? { do: "open" } : { do: "wake", after_ms: rest_ms };
  }

  /** Nobody needs it any more. */
  release(): Action {
    this.#wanted = false;
    if (this.#state.at === "waiting") this.#state = { at: "idle" };
    if (this.#state.at !== "up") return NOTHING;
    this.#state.lingers = true;
    return { do: "wake", after_ms: LINGER_MS };
  }

  /** The port was opened, as asked. */
  opened(now_ms: number): void {
    this.#state = { at: "up", since_ms: now_ms, greeted: false, lingers: false };
  }

  /** The host's first message came. */
  greeted(): void {
    if (this.#state.at === "up") this.#state.greeted = true;
  }

  /** The port closed by itself. `curable`: whether another try can help without people. */
  lost(curable: boolean, now_ms: number): Action {
    const was = this.#state;
    const sound = was.at === "up" && was.greeted && now_ms - was.since_ms >= SOUND_MS;
    this.#failures = sound ? 1 : this.#failures + 1;
    if (!this.#wanted) {
      this.#state = { at: "idle" };
      return NOTHING;
    }
    this.#state = { at: "waiting", since_ms: now_ms };
    if (!curable || this.#failures > MAX_ATTEMPTS) return NOTHING;
    return { do: "wake", after_ms: FIRST_DELAY_MS * 2 ** (this.#failures - 1) };
  }

  /** The timer of the last `wake` fired. */
  woke(): Action {
    const state = this.#state;
    if (state.at === "waiting") return { do: "open" };
    if (state.at === "up" && state.lingers) {
      this.#state = { at: "idle" };
      return { do: "close" };
    }
    return NOTHING;
  }
}
