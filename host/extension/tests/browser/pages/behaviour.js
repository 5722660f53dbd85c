// behaviour.html?clip=FOLDER: what page scripts see of a <video> with Media Source Extensions.
// Natives that a hostile page replaces are kept here for the page's own use.

const folder = new URLSearchParams(location.search).get("clip");
const MIME = 'video/mp4; codecs="avc1.4d401e, mp4a.40.2"';
const LOGGED = (
  "loadstart loadedmetadata loadeddata canplay canplaythrough play playing pause waiting " +
  "seeking seeked ended error emptied"
).split(" ");
const KeptPromise = Promise;

globalThis.media = [];
globalThis.log = [];

globalThis.until = (target, type) =>
  new KeptPromise((resolve) => {
    target.addEventListener(type, resolve, { once: true });
  });

/** Waits until `holds`, looking at each picture. */
globalThis.reaching = async (holds) => {
  while (!holds()) await new KeptPromise((resolve) => requestAnimationFrame(resolve));
};

/** A muted video in the page whose events are logged. */
globalThis.make = (attributes = {}) => {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, width: 640, height: 360, ...attributes });
  for (const type of LOGGED) {
    video.addEventListener(type, () => {
      log[log.length] = type;
    });
  }
  document.body.append(video);
  media.push(video);
  return video;
};

globalThis.segment = async (name) => (await fetch(`${folder}/${name}`)).arrayBuffer();

globalThis.segments = (count = 4) => [
  "init.mp4",
  ...Array.from({ length: count }, (_, at) => `index${at}.m4s`),
];

globalThis.openSource = async (video) => {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await until(source, "sourceopen");
  globalThis.opened = source;
  return source;
};

/** Gives `video` the first seconds of the clip; the whole of it ends. */
globalThis.fill = async (video, count = 4, beforeMedia = () => {}) => {
  const source = await openSource(video);
  const buffer = source.addSourceBuffer(MIME);
  beforeMedia();
  for (const name of segments(count)) {
    buffer.appendBuffer(await segment(name));
    await until(buffer, "updateend");
  }
  if (count === 4) source.endOfStream();
  return buffer;
};

/** A video that plays on, with an empty log. */
globalThis.playing = async () => {
  const video = make();
  await fill(video);
  video.loop = true;
  await video.play();
  await reaching(() => video.currentTime > 0.5);
  log.length = 0;
  return video;
};

/** Replaces what scripts are made of; returns what was called of it. */
globalThis.poison = () => {
  const called = [];
  const trap = (name) =>
    function trapped() {
      called[called.length] = name;
      throw new Error(`the page's ${name} was called`);
    };
  const replace = (owner, names) => {
    for (let at = 0; at < names.length; at++) owner[names[at]] = trap(String(names[at]));
  };
  replace(Map.prototype, ["get", "set", "has", "delete", "forEach"]);
  replace(WeakMap.prototype, ["get", "set", "has", "delete"]);
  replace(Set.prototype, ["add", "has", "delete", "forEach"]);
  replace(WeakSet.prototype, ["add", "has"]);
  replace(Promise.prototype, ["then", "catch", "finally"]);
  replace(String.prototype, ["split", "includes", "indexOf", "slice", "trim", "toLowerCase"]);
  replace(Math, ["min", "max", "round", "floor", "abs", "random"]);
  replace(Reflect, ["apply", "construct", "defineProperty"]);
  replace(MessagePort.prototype, ["postMessage"]);
  replace(EventTarget.prototype, ["dispatchEvent"]);
  replace(Event.prototype, ["composedPath", "stopImmediatePropagation"]);
  replace(Object.getPrototypeOf(Uint8Array.prototype), ["set", "slice"]);
  replace(Function.prototype, ["call", "apply", "bind"]);
  replace(window, ["setTimeout", "Event", "DOMException", "MessageChannel", "Promise"]);
  replace(performance, ["now"]);
  replace(Array.prototype, ["push", "map", "forEach", "slice", Symbol.iterator]);
  replace(Object, ["defineProperty", "create"]);
  replace(Object.prototype, ["get", "set", "apply", "construct"]);
  return called;
};
