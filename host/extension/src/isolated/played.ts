/**
 * Makes the browser count this frame among those that have played media.
 *
 * In a page that is not seen the browser begins to load a file only if the page's frame has
 * played before, so that playlists go on; what the device plays is no playing for it. A muted
 * element of nobody's, which plays a stream without sound for a moment, is.
 */

/** Not part of the standard; without it the browser's rule stays as it is. */
declare const MediaStreamTrackGenerator: (new (init: { kind: "audio" }) => MediaStreamTrack) | null;

/** It is no hurry, but the page may be hidden by then, in ms. */
const SOON = 1000;

let isCounted = false;

/** To be called when the device gets a file to play. */
export function countAsPlayed(): void {
  if (isCounted || typeof MediaStreamTrackGenerator !== "function") return;
  isCounted = true;
  requestIdleCallback(playNothing, { timeout: SOON });
}

function playNothing(): void {
  const Generator = MediaStreamTrackGenerator;
  if (!Generator) return;
  const track = new Generator({ kind: "audio" });
  const video = document.createElement("video");
  const end = () => {
    video.pause();
    video.srcObject = null;
    track.stop();
  };
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  video.play().then(end, end);
}
