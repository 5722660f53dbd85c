/**
 * Says over a video why it is not redirected, for five seconds: the switch "Video Status
 * Overlay". Of a redirected one the device says it.
 *
 * The page could find it, as nothing else of the extension: it is there while somebody looks for
 * what is wrong. Nothing of the page changes, and the pointer goes through it.
 */

const SHOWN_MS = 5000;
/** Smaller videos have no room, in CSS pixels. */
const LEAST = { width: 160, height: 60 };

const LOOK = {
  all: "initial",
  position: "fixed",
  inset: "auto",
  margin: "0",
  padding: "0",
  border: "0",
  background: "none",
  pointerEvents: "none",
} as const;
const WORDS = {
  boxSizing: "border-box",
  padding: "6px 12px",
  borderRadius: "8px",
  background: "rgb(0 0 0 / 75%)",
  color: "white",
  font: "14px/1.4 system-ui, sans-serif",
  textAlign: "center",
} as const;

/** What each video was said of last. */
const said = new WeakMap<HTMLVideoElement, string>();

/** Once it plays; the same is said once. */
export function explain(video: HTMLVideoElement, message: string): void {
  if (said.get(video) === message) return;
  said.set(video, message);
  const say = () => {
    if (said.get(video) === message) show(video, `Not redirected: ${message}`);
  };
  if (video.paused) video.addEventListener("playing", say, { once: true });
  else say();
}

function show(video: HTMLVideoElement, text: string): void {
  const host = document.createElement("div");
  const words = document.createElement("div");
  Object.assign(host.style, LOOK);
  Object.assign(words.style, WORDS);
  words.textContent = text;
  host.attachShadow({ mode: "closed" }).append(words);
  // Above all of the page, also in fullscreen.
  host.popover = "manual";
  document.documentElement.append(host);
  host.showPopover();
  const until = performance.now() + SHOWN_MS;
  const follow = () => {
    if (performance.now() >= until || !host.isConnected) return host.remove();
    const { left, top, width, height } = video.getBoundingClientRect();
    const fits = video.isConnected && width >= LEAST.width && height >= LEAST.height;
    host.style.visibility = fits ? "visible" : "hidden";
    host.style.width = `${width * 0.9}px`;
    host.style.left = `${left + width * 0.05}px`;
    host.style.top = `${top + 12}px`;
    requestAnimationFrame(follow);
  };
  follow();
  // Hidden pages have no frames.
  setTimeout(() => host.remove(), SHOWN_MS);
}
