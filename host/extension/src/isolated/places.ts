/**
 * The elements that the device plays: tells it where each of them lies, a video with its picture,
 * an `<audio>` with the browser's own controls.
 */
import type { FrameMessage } from "../frame_protocol.js";
import type { Layout, PlayerCommand, PlayerEvent, Reason } from "../generated/messages.js";
import type { Motion } from "./bridge_protocol.js";
import { audioBar, isPlain } from "./layout/audio_bar.js";
import { preciseScaleOf } from "./layout/clip.js";
import { controlsOf, Pointer, showsControls } from "./layout/control_bar.js";
import { pictureBox } from "./layout/picture.js";
import {
  type Box,
  EMPTY,
  fewBoxes,
  isEmpty,
  type Placement,
  toDesktop,
  wholeSized,
} from "./layout/rects.js";
import type { Flaw } from "./layout/shown.js";
import type { Tracker } from "./layout/tracker.js";
import type { Sight } from "./layout/viewport.js";
import { Placeholder } from "./placeholder.js";

const refusal = (message: string): Reason => ({
  code: "policy",
  message,
  next_step: "Nothing is needed: it plays in the session.",
});
const REFUSALS: Record<Flaw, Reason> = {
  turned: refusal("The page shows the video turned, mirrored or distorted."),
  effect: refusal("The page shows the video with an effect (a filter, a mask or transparency)."),
  elsewhere: refusal("The page shows the video in another of its windows or frames."),
};

const NOWHERE = { x: 0, y: 0, width: 0, height: 0 };
const AWAY: PlayerCommand = {
  type: "layout",
  rect: NOWHERE,
  clip: NOWHERE,
  covered: [],
  visible: false,
  fullscreen: false,
  desktop: null,
  control_bar: null,
};

/** Parts told as covered; the channel's own bound is larger. */
const MAX_COVERED = 48;

class Watched {
  stop: () => void = () => {};
  /** A video's. */
  readonly placeholder: Placeholder | null;
  /** A video's. */
  readonly pointer: Pointer | null;
  last = "";
  motion: Motion = "paused";
  /** It has neither played nor gone anywhere: its poster is seen, where it has one. */
  #isNew = true;
  /** The device has a picture. */
  hasPicture = false;
  /** The device's, in square pixels. */
  size: { width: number; height: number } | null = null;

  /** `stirs`: its controls come back. */
  constructor(
    readonly element: HTMLMediaElement,
    stirs: () => void,
  ) {
    const video = element instanceof HTMLVideoElement ? element : null;
    this.placeholder = video && new Placeholder(video);
    this.pointer = video && new Pointer(video, stirs);
  }

  /** Whether its poster is over from now on. */
  begins(): boolean {
    const wasPosed = this.showsPoster;
    this.#isNew = false;
    return wasPosed;
  }

  get showsPoster(): boolean {
    return this.#isNew && this.element instanceof HTMLVideoElement && this.element.poster !== "";
  }
}

export class Places {
  readonly #tracker: Tracker;
  readonly #post: (message: FrameMessage) => void;
  readonly #refuse: (player: number, reason: Reason) => void;
  readonly #watched = new Map<number, Watched>();
  readonly #compare = () => this.#tracker.compare();

  /** `refuse`: the device cannot show this element as the page does. */
  constructor(
    tracker: Tracker,
    post: (message: FrameMessage) => void,
    refuse: (player: number, reason: Reason) => void,
  ) {
    this.#tracker = tracker;
    this.#post = post;
    this.#refuse = refuse;
  }

  watch(player: number, element: HTMLMediaElement): void {
    this.unwatch(player);
    // Where that document lies is not known here.
    if (element instanceof HTMLVideoElement && element.ownerDocument !== document)
      return this.#refuse(player, REFUSALS.elsewhere);
    const watched = new Watched(element, () => this.#tracker.heat());
    this.#watched.set(player, watched);
    watched.placeholder?.veil();
    watched.stop = this.#tracker.track(
      element,
      (sight) => {
        const { flaw } = sight;
        if (flaw && watched.placeholder) return this.#refuse(player, REFUSALS[flaw]);
        const layout = layoutOf(watched, { ...sight, visible: sight.visible && !flaw });
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
    watched.pointer?.end();
    watched.placeholder?.hide();
    watched.element.removeEventListener("timeupdate", this.#compare);
    // The device may keep the player: nothing of it is to be seen where the browser plays.
    if (watched.last !== "") this.#post({ type: "player", player, command: AWAY });
  }

  moves(player: number, motion: Motion): void {
    const watched = this.#watched.get(player);
    if (!watched) return;
    watched.motion = motion;
    if (motion !== "paused") this.#begin(watched);
    // A window tells nobody that it moves.
    if (motion === "moving") watched.element.addEventListener("timeupdate", this.#compare);
    else watched.element.removeEventListener("timeupdate", this.#compare);
    // The browser shows its controls as long as nothing plays.
    const { element } = watched;
    if (element.controls || element.matches(":fullscreen")) this.#tracker.heat();
  }

  #begin(watched: Watched): void {
    if (!watched.begins()) return;
    if (watched.hasPicture) watched.placeholder?.show();
    this.#tracker.heat();
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
      watched.hasPicture = true;
      if (event.position_micros > 0) this.#begin(watched);
      // It is the browser's to show, which does so where the picture would be.
      if (!watched.showsPoster) watched.placeholder?.show();
      this.#tracker.shows(watched.element);
    } else if (event.type === "resized") {
      watched.size = { width: event.width, height: event.height };
      this.#tracker.heat();
    }
  }
}

function layoutOf(watched: Watched, sight: Sight): Layout {
  const { element } = watched;
  const { viewport, content, clip, covered, visible } = sight;
  const { drawn, bar, own } = drawnOf(watched, content, clip, visible);
  const at = viewport.placement;
  const isShown = visible && !isEmpty(drawn) && !watched.showsPoster;
  const all = own ? [...covered, own] : covered;
  const isWhole = watched.placeholder !== null && preciseScaleOf(element).every((by) => by === 1);
  const seen = isWhole ? withWholeSize(clip, content, at) : clip;
  return {
    rect: toDesktop(isWhole ? wholeSized(drawn, at) : drawn, at),
    clip: toDesktop(isShown ? seen : EMPTY, at),
    covered: isShown ? fewBoxes(all, seen, MAX_COVERED).map((box) => toDesktop(box, at)) : [],
    visible: isShown,
    fullscreen: document.fullscreenElement?.contains(element) ?? false,
    desktop: desktopSize(at.pixels),
    control_bar: bar ? toDesktop(bar, at) : null,
  };
}

/** What of a video is not clipped, where it ends at its content box: that is drawn so, too. */
function withWholeSize(clip: Box, content: Box, at: Placement): Box {
  const { right, bottom } = wholeSized(content, at);
  return {
    ...clip,
    right: clip.right === content.right ? right : clip.right,
    bottom: clip.bottom === content.bottom ? bottom : clip.bottom,
  };
}

/** Where the device draws, where of that controls are, and what of them is the browser's. */
interface Drawn {
  readonly drawn: Box;
  readonly bar: Box | null;
  readonly own: Box | null;
}

function drawnOf(watched: Watched, content: Box, clip: Box, visible: boolean): Drawn {
  const { element, placeholder } = watched;
  if (!placeholder || !(element instanceof HTMLVideoElement)) {
    const isSeen = visible && element.controls && isPlain(element);
    const bar = isSeen ? audioBar(content, element.matches(":hover")) : null;
    return { drawn: bar ?? EMPTY, bar, own: null };
  }
  const size = watched.size ?? { width: element.videoWidth, height: element.videoHeight };
  const picture = pictureBox(
    getComputedStyle(element).objectFit,
    placeholder.position,
    size,
    content,
  );
  const isPaused = watched.motion === "paused";
  const shows = showsControls(element, isPaused, watched.pointer, content);
  const controls = shows ? controlsOf(content, picture, clip) : null;
  return { drawn: picture, bar: controls?.bar ?? null, own: controls?.covered ?? null };
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
