/** The videos that the device plays: tells it where each of them lies. */
import type { FrameMessage } from "../frame_protocol.js";
import type { Layout, PlayerEvent, Reason } from "../generated/messages.js";
import { controlsOf, showsControls } from "./layout/control_bar.js";
import { pictureBox } from "./layout/picture.js";
import { type Box, fewBoxes, toDesktop } from "./layout/rects.js";
import type { Tracker } from "./layout/tracker.js";
import { isUpright } from "./layout/upright.js";
import type { Viewport } from "./layout/viewport.js";
import { Placeholder } from "./placeholder.js";

const TURNED: Reason = {
  code: "policy",
  message: "The page shows the video turned, mirrored or distorted.",
  next_step: "Nothing is needed: it plays in the session.",
};

/** Parts told as covered; the channel's own bound is larger. */
const MAX_COVERED = 24;

class Watched {
  stop: () => void = () => {};
  readonly placeholder: Placeholder;
  last = "";
  /** The device's, in square pixels. */
  size: { width: number; height: number } | null = null;

  constructor(readonly video: HTMLVideoElement) {
    this.placeholder = new Placeholder(video);
  }
}

export class Videos {
  readonly #tracker: Tracker;
  readonly #post: (message: FrameMessage) => void;
  readonly #refuse: (player: number, reason: Reason) => void;
  readonly #watched = new Map<number, Watched>();
  readonly #compare = () => this.#tracker.compare();

  /** `refuse`: the device cannot show this video as the page does. */
  constructor(
    tracker: Tracker,
    post: (message: FrameMessage) => void,
    refuse: (player: number, reason: Reason) => void,
  ) {
    this.#tracker = tracker;
    this.#post = post;
    this.#refuse = refuse;
  }

  watch(player: number, video: HTMLVideoElement): void {
    this.unwatch(player);
    const watched = new Watched(video);
    this.#watched.set(player, watched);
    watched.placeholder.veil();
    watched.stop = this.#tracker.track(
      video,
      (viewport, content, clip, covered, visible) => {
        if (visible && !isUpright(video)) return this.#refuse(player, TURNED);
        const layout = layoutOf(watched, viewport, content, clip, covered, visible);
        const text = JSON.stringify(layout);
        if (text === watched.last) return;
        watched.last = text;
        this.#post({ type: "player", player, command: { type: "layout", ...layout } });
      },
      false,
    );
  }

  unwatch(player: number): void {
    const watched = this.#watched.get(player);
    if (!watched) return;
    this.#watched.delete(player);
    watched.stop();
    watched.placeholder.hide();
    watched.video.removeEventListener("timeupdate", this.#compare);
  }

  moving(player: number, moving: boolean): void {
    const watched = this.#watched.get(player);
    if (!watched) return;
    // A window tells nobody that it moves.
    if (moving) watched.video.addEventListener("timeupdate", this.#compare);
    else watched.video.removeEventListener("timeupdate", this.#compare);
  }

  /** The stage is new: it knows no place. */
  repeat(): void {
    for (const watched of this.#watched.values()) watched.last = "";
    this.#tracker.repeat();
  }

  playerEvent(player: number, event: PlayerEvent): void {
    const watched = this.#watched.get(player);
    if (!watched) return;
    if (event.type === "first_frame" || event.type === "seeked") {
      watched.placeholder.show();
      this.#tracker.shows(watched.video);
    } else if (event.type === "resized") {
      watched.size = { width: event.width, height: event.height };
      this.#tracker.heat();
    }
  }
}

function layoutOf(
  watched: Watched,
  viewport: Viewport,
  content: Box,
  clip: Box,
  covered: readonly Box[],
  visible: boolean,
): Layout {
  const { video } = watched;
  const size = watched.size ?? { width: video.videoWidth, height: video.videoHeight };
  const fit = getComputedStyle(video).objectFit;
  const picture = pictureBox(fit, watched.placeholder.position, size, content);
  const controls = showsControls(video) ? controlsOf(content, picture, clip) : null;
  const own = controls ? [...covered, controls.covered] : covered;
  const at = viewport.placement;
  const pixels = devicePixelRatio;
  const { fullscreenElement } = document;
  return {
    rect: toDesktop(picture, at),
    clip: toDesktop(clip, at),
    covered: fewBoxes(own, clip, MAX_COVERED).map((box) => toDesktop(box, at)),
    visible,
    fullscreen: fullscreenElement?.contains(video) ?? false,
    desktop: desktopSize(pixels),
    control_bar: controls?.bar ? toDesktop(controls.bar, at) : null,
  };
}

/** The desktop's size, unless the screen that pages know is only one of its monitors. */
function desktopSize(pixels: number): Layout["desktop"] {
  // Window Management, section 3.1.1; only pages of secure origins are told.
  if ("isExtended" in screen && screen.isExtended === true) return null;
  return {
    width: Math.max(1, Math.round(screen.width * pixels)),
    height: Math.max(1, Math.round(screen.height * pixels)),
  };
}
