// behaviour.html?clip=FOLDER: what page scripts see of a <video> with Media Source Extensions.
// Natives that a hostile page replaces are kept here for the page's own use.

const folder = new URLSearchParams(location.search).get("clip");
const MIME = 'video/mp4; codecs="avc1.4d401e, mp4a.40.2"';
const LOGGED = (
  "loadstart loadedmetadata loadeddata canplay canplaythrough play playing pause waiting " +
  "seeking seeked ended error emptied"
).split(" ");
const KeptPromise = Promise;
const frame = requestAnimationFrame;
const listen = Function.prototype.call.bind(EventTarget.prototype.addEventListener);
const NativeError = Error;
const text = String;
const now = performance.now.bind(performance);
const later = setTimeout.bind(window);
/** A clip of four seconds is over by then, on a busy machine. */
const LIMIT_MS = 60_000;
const GLOBALS = Object.getOwnPropertyNames(window);

globalThis.media = [];
globalThis.log = [];

/** What does not come in a minute does not come, and how everything stands says why. */
const tooLate = (what) => {
  const states = media.map((it) => [it.currentTime, it.readyState, it.paused, it.seeking, it.src]);
  return new NativeError(`no ${what}: ${text(log.slice(-20))}; ${text(states)}`);
};

globalThis.until = (target, type) =>
  new KeptPromise((resolve, reject) => {
    listen(target, type, resolve, { once: true });
    later(() => reject(tooLate(type)), LIMIT_MS);
  });

/** Waits until `holds`, looking at each picture. */
globalThis.reaching = async (holds) => {
  const limit = now() + LIMIT_MS;
  while (!holds()) {
    if (now() > limit) throw tooLate(holds);
    await new KeptPromise((resolve) => frame(resolve));
  }
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

/**
 * Puts traps in the place of the globals among these `identifiers`, and of all that they and
 * their prototypes have; returns what was asked for of them. Whoever goes on keeps what it needs.
 */
globalThis.poison = (identifiers) => {
  const names = GLOBALS.filter((name) => identifiers.includes(name));
  const { defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
  const { hasInstance } = Symbol;
  const objects = Object.prototype;
  const called = [];
  const trap = (name) =>
    function trapped() {
      called[called.length] = name;
      throw new NativeError(`the page's ${name} was called`);
    };
  const replace = (owner, key, name) => {
    const was = getOwnPropertyDescriptor(owner, key);
    if (!was?.configurable) return;
    if (typeof was.value === "function") defineProperty(owner, key, { ...was, value: trap(name) });
    else if (was.get) defineProperty(owner, key, { ...was, get: trap(name), set: trap(name) });
  };
  const values = names.map((name) => [name, getOwnPropertyDescriptor(window, name)?.value]);
  values.push(["TypedArray", Object.getPrototypeOf(Uint8Array)]);
  for (const [name, value] of values) {
    if (typeof value === "function") {
      defineProperty(value, hasInstance, { value: trap(`instanceof ${name}`), configurable: true });
    }
    if (value === null || !/function|object/.test(typeof value) || value === window) continue;
    for (const owner of [value, value.prototype]) {
      if (!owner) continue;
      const path = owner === value ? name : `${name}.prototype`;
      for (const key of ownKeys(owner)) {
        // What scripts are written with, not what they call.
        const isSyntax = key === "constructor" || key === "prototype" || key === hasInstance;
        if (!isSyntax) replace(owner, key, `${path}.${text(key)}`);
      }
    }
  }
  for (const name of names) {
    const was = getOwnPropertyDescriptor(window, name);
    if (was?.configurable) defineProperty(window, name, { get: trap(name), configurable: true });
  }
  for (const name of ["get", "set", "apply", "construct", "bubbles", "ports", "data"]) {
    const ask = { get: trap(`{}.${name}`), set: undefined, configurable: true };
    defineProperty(objects, name, ask);
  }
  return called;
};
