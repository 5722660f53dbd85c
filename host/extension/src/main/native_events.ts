/**
 * Which events of the browser's own element reach the page.
 *
 * While the device plays, the browser's element only loads and seeks: what it says about
 * that is true and passes. What it says about playing is about the parked element and stops
 * here; the page hears about the device instead.
 */
import { READ_ONCE } from "./bar.js";
import type { Control } from "./control.js";
import type { Elements } from "./elements.js";
import {
  addListener,
  composedPath,
  errorCode,
  eventType,
  NativeMediaElement,
  native,
  now,
  stopImmediatePropagation,
} from "./natives.js";
import { contains, isInstance, SafeWeakSet } from "./primordials.js";
import { reasons } from "./reasons.js";
import { queueTask, runQueued } from "./tasks.js";

/** What nothing but media tells, and a parked element tells otherwise. */
const ONLY_OF_MEDIA = [
  "loadeddata",
  "canplay",
  "canplaythrough",
  "play",
  "playing",
  "pause",
  "timeupdate",
  "seeking",
  "seeked",
  "waiting",
  "ended",
] as const;
const TYPES = [
  ...ONLY_OF_MEDIA,
  "loadstart",
  "loadedmetadata",
  "durationchange",
  "ratechange",
  "volumechange",
  "emptied",
  "error",
  "progress",
  "encrypted",
  "enterpictureinpicture",
  "leavepictureinpicture",
  "resize",
] as const;
type Type = (typeof TYPES)[number];

export const isOfMedia = (type: unknown): boolean => contains(ONLY_OF_MEDIA, type);

/** MediaError.code. */
const MEDIA_ERR_NETWORK = 2;

const seen = new SafeWeakSet<Event>();

/** Listens before the page does: on a window or shadow root at its begin, or at an element. */
export function listenTo(target: EventTarget, elements: Elements): void {
  const listener = (event: Event) => {
    if (!event.isTrusted || seen.has(event)) return;
    const element = composedPath(event)[0];
    if (!isInstance(NativeMediaElement, element)) return;
    seen.add(event);
    const control = elements.touch(element);
    if (control && !passes(control, eventType.get(event) as Type)) stopImmediatePropagation(event);
  };
  for (let at = 0; at < TYPES.length; at++) addListener(target, TYPES[at] ?? "", listener, true);
}

/** Whether the page gets the event. */
function passes(control: Control, type: Type): boolean {
  control.autoplay.look(control.element);
  switch (type) {
    case "loadstart":
      control.sync(control.told.started);
      control.told.started = true;
      control.told.resets = false;
      // Of what comes before it, in the browser, our queue must not be the slower one.
      runQueued();
      if (control.onDevice) control.permission.pauseQuietly();
      return true;
    case "emptied":
      control.sync();
      return true;
    case "encrypted":
      control.bar(reasons.protectedContent(), READ_ONCE);
      return true;
    case "enterpictureinpicture":
      control.bar(reasons.pictureInPicture(), "shown");
      return true;
    case "leavepictureinpicture":
      queueTask(() => control.shownInPage());
      return true;
    default: {
      const isOurs = type === "pause" && control.permission.wasPause();
      // It may be the next of several sources.
      if (type === "loadedmetadata") control.sync();
      // The position is 0 again by the load that is about to start.
      if (type === "timeupdate" && isReset(control)) return !control.told.resets;
      if (control.onDevice) return wasOwed(control, type) || parked(control, type);
      if (isOurs || (control.permission.pauses && isOfPlaying(type))) return false;
      if (type === "seeking" && control.events.wasTold()) return false;
      if (type === "play" && control.permission.wasQuestion()) return false;
      if (type === "timeupdate" || type === "seeked") queueTask(() => control.browserMoved());
      if (type === "ratechange") queueTask(() => control.rateChanged());
      if (type === "play" || type === "pause") control.told.hears(type);
      if (!(control.told.changingHands ? handOver : afterHandOver)(control, type)) return false;
      told(control, type);
      return true;
    }
  }
}

function isReset({ told, element }: Control): boolean {
  return !told.started && native.readyState.get(element) === 0;
}

/** What comes of a start that ends with a pause: before it, it is as little the page's. */
function isOfPlaying(type: Type): boolean {
  return type === "playing" || type === "waiting" || type === "timeupdate";
}

/** What the page knows from the browser: the device goes on from there. */
function told(control: Control, type: Type): void {
  switch (type) {
    case "loadedmetadata":
      control.told.loaded = true;
      return;
    case "loadeddata":
      control.told.hasData = true;
      return;
    case "canplaythrough":
      control.told.settled = true;
      return;
    case "seeking":
      control.told.ended = false;
      return;
    case "play":
      control.told.ended = false;
      control.browserTold();
      return;
    case "playing":
      control.told.runs = true;
      return;
    case "waiting":
      control.told.runs = false;
      return;
    case "pause":
      control.told.runs = false;
      control.browserTold();
      return;
    case "ended":
      control.told.ended = true;
      control.browserTold();
      return;
  }
}

/** What the browser said of a play() before the device took over reaches the page. */
function wasOwed(control: Control, type: Type): boolean {
  if (control.told.owed === "play" && type === "play") {
    control.told.owed = "what follows";
    return true;
  }
  if (control.told.owed === "nothing" || control.told.owed === "play") return false;
  if (type === "waiting" || type === "playing" || type === "pause") control.told.owed = "nothing";
  return type === "waiting" || type === "playing";
}

/** The browser's element takes over from the device: the page must not notice. */
function handOver(control: Control, type: Type): boolean {
  switch (type) {
    case "playing":
      control.told.changingHands = false;
      control.told.dropsEnough = control.told.playing;
      if (control.playback.takeOwedThrough()) control.fire("canplaythrough");
      return !control.told.playing;
    case "pause":
    case "error":
      control.told.changingHands = false;
      return true;
    case "ended":
      control.told.changingHands = false;
      return !control.told.ended;
    case "seeked":
      if (native.paused.get(control.element)) control.told.changingHands = false;
      return takeOwedSeeked(control);
    case "canplay":
    case "canplaythrough":
      return !control.told.playing && !native.paused.get(control.element);
    case "play":
    case "seeking":
    case "timeupdate":
    case "waiting":
      return false;
    case "loadeddata":
      return !control.told.hasData;
    default:
      return true;
  }
}

/** Whether the page waits for the end of a seek that the device did not live to see. */
function takeOwedSeeked(control: Control): boolean {
  const owed = control.told.owesSeeked;
  control.told.owesSeeked = false;
  return owed;
}

/** The browser says once more that it has enough, after it has begun to play. */
function afterHandOver(control: Control, type: Type): boolean {
  const drops = control.told.dropsEnough && type === "canplaythrough";
  if (type !== "timeupdate" && type !== "progress") control.told.dropsEnough = false;
  return !drops;
}

/** The device plays, the browser's element is parked. */
function parked(control: Control, type: Type): boolean {
  const { element, playback } = control;
  switch (type) {
    case "loadedmetadata": {
      const delayed = control.events.delays(type);
      control.told.loaded = true;
      playback.metadata();
      control.frames.interrupt(control.position);
      control.durationChanged();
      control.changed();
      queueTask(() => control.buffersChanged());
      return !delayed;
    }
    case "loadeddata":
    case "canplay":
    case "canplaythrough":
      return enough(control, type);
    case "play":
      return userPlays(control);
    case "playing":
    case "pause":
    case "waiting":
    case "ended":
    case "timeupdate":
      return false;
    case "seeking": {
      const wasTold = control.events.wasTold();
      if (control.told.makingRoom) return false;
      if (!playback.seeking) control.browserSeeks();
      playback.browserSeeking();
      return !wasTold;
    }
    case "seeked":
      if (control.told.makingRoom) {
        control.told.makingRoom = false;
      } else if (!native.seeking.get(element)) {
        playback.browserSeeked(now());
        control.callbacks.pictureChanged();
        control.changed();
      }
      return false;
    case "ratechange":
      control.rateChanged();
      return true;
    case "volumechange":
      control.voice.volume();
      return true;
    case "durationchange":
      control.durationChanged();
      return true;
    case "progress":
      queueTask(() => control.buffersChanged());
      return true;
    case "error": {
      if (playsWithout(control)) return false;
      const delayed = control.events.delays(type);
      control.failed();
      return !delayed;
    }
    case "resize":
      if (control.size !== null && control.told.loaded) return false;
      return !control.events.delays(type);
    default:
      return true;
  }
}

/**
 * Whether the device plays on although the browser's element lost its way to the file: an address
 * that expired, say. The page does not hear of it before the device, too, has nothing more.
 */
function playsWithout({ told, isFile, element, playback }: Control): boolean {
  const error = native.error.get(element);
  if (!isFile || !told.hasData || !error || errorCode.get(error) !== MEDIA_ERR_NETWORK)
    return false;
  told.severed = true;
  // It will not arrive where it was sent.
  queueTask(() => playback.browserSeeked(now()));
  return true;
}

/** The first time a source has enough is the browser's to say; later the device's. */
function enough(control: Control, type: "loadeddata" | "canplay" | "canplaythrough"): boolean {
  queueTask(() => control.buffersChanged());
  const { told, playback } = control;
  if (type === "loadeddata") {
    // After a seek it comes with its end.
    if (told.hasData || playback.seeking) return false;
    const delayed = control.events.delays(type);
    told.hasData = true;
    queueTask(() => fileHasEnough(control));
    control.callbacks.pictureChanged();
    return !delayed;
  }
  if (told.makingRoom || playback.seeking || told.settled) return false;
  // Before what comes of it.
  const delayed = control.events.delays(type);
  if (type === "canplay") {
    control.autoplay.begin(control);
    told.settled = !playback.browserCanPlay();
  } else {
    told.settled = true;
  }
  return !delayed;
}

/** A file that is loaded no further: the device has enough, whatever the browser has. */
function fileHasEnough(control: Control): void {
  const { told, playback } = control;
  if (!control.onDevice || !control.isFile) return;
  // It may load anew by now.
  if (!told.hasData || told.settled) return;
  if (native.readyState.get(control.element) >= 3) return;
  told.settled = true;
  control.fire("canplay");
  control.autoplay.begin(control);
  if (playback.browserCanPlay()) control.fire("canplaythrough");
  queueTask(() => control.buffersChanged());
}

/** The user presses play on the browser's own controls, which show the parked element. */
function userPlays(control: Control): false {
  if (control.permission.wasQuestion()) return false;
  control.permission.pauseQuietly();
  if (control.playback.paused) control.promises.ignore(control.play());
  else control.pause();
  return false;
}
