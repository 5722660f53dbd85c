// player.html?with=PLAYER&src=URL[&src=URL][&in=PLACE]: media elements under test, each played
// by one of the usual players as its own documentation says to, in one of the places where
// pages have them. "Play" plays all. What a player calls fatal becomes an uncaught error.

const parameters = new URLSearchParams(location.search);
const stage = document.querySelector("#stage");

/** What the tests look at. */
globalThis.media = [];
globalThis.sizes = [];

function load(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`no ${url}`));
    document.head.append(script);
  });
}

function fail(...words) {
  reportError(new Error(words.join(" ")));
}

const players = {
  async hls(element, src) {
    await load("/lib/hls.js/dist/hls.js");
    // What is to change must not be there already.
    const hls = new Hls(
      parameters.has("switch") ? { maxBufferLength: 1, maxMaxBufferLength: 1 } : {},
    );
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.fatal) fail("hls.js", data.type, data.details);
    });
    hls.loadSource(src);
    hls.attachMedia(element);
    if (parameters.has("switch")) switchLevels(hls, element);
  },

  /** As pages do that let the browser play what it can. */
  async unlessNative(element, src) {
    await load("/lib/hls.js/dist/hls.js");
    if (element.canPlayType("application/vnd.apple.mpegurl")) element.src = src;
    else await players.hls(element, src);
  },

  async dash(element, src) {
    await load("/lib/dashjs/dist/modern/umd/dash.all.debug.js");
    const player = dashjs.MediaPlayer().create();
    player.updateSettings({ debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE } });
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => {
      fail("dash.js", error.code, error.message);
    });
    player.initialize(element, src, false);
  },

  async shaka(element, src) {
    await load("/lib/shaka-player/dist/shaka-player.compiled.js");
    const player = new shaka.Player();
    player.addEventListener("error", ({ detail }) => fail("shaka", detail.code));
    await player.attach(element);
    await player.load(src);
  },

  async videojs(element, src) {
    await load("/lib/video.js/dist/video.js");
    document.head.insertAdjacentHTML(
      "beforeend",
      '<link rel="stylesheet" href="/lib/video.js/dist/video-js.css">',
    );
    const player = videojs(element, { errorDisplay: false, bigPlayButton: false });
    player.on("error", () => fail("video.js", player.error().message));
    player.src({ src, type: "application/x-mpegURL" });
  },

  async file(element, src) {
    element.src = src;
  },
};

/** Begins with the lowest rendition, and goes on with the highest once that plays. */
function switchLevels(hls, element) {
  hls.startLevel = 0;
  element.addEventListener(
    "timeupdate",
    () => {
      hls.nextLevel = hls.levels.length - 1;
    },
    { once: true },
  );
}

function video() {
  const element = document.createElement("video");
  element.playsInline = true;
  return element;
}

/** Where the element is when its player gets it. */
const places = {
  document() {
    const element = video();
    stage.append(element);
    return element;
  },

  shadow() {
    const host = document.createElement("div");
    stage.append(host);
    const element = video();
    host.attachShadow({ mode: "closed" }).append(element);
    return element;
  },

  markup() {
    stage.insertAdjacentHTML("beforeend", "<video playsinline></video>");
    return stage.lastElementChild;
  },

  clone() {
    const element = video().cloneNode(true);
    stage.append(element);
    return element;
  },

  /** Never in a document. */
  nowhere: video,

  audio: () => new Audio(),

  /** Goes to another parent once it plays. */
  moving() {
    const element = places.document();
    element.addEventListener(
      "playing",
      () => {
        const other = document.createElement("section");
        stage.before(other);
        other.append(element);
        element.play();
      },
      { once: true },
    );
    return element;
  },
};

function watchSize(element) {
  const note = () => {
    const size = `${element.videoWidth}x${element.videoHeight}`;
    if (globalThis.sizes.at(-1) !== size) globalThis.sizes.push(size);
  };
  for (const type of ["loadedmetadata", "resize"]) element.addEventListener(type, note);
}

/** Players give a source in their own time, and a new source ends what was to play. */
function loaded(element) {
  return new Promise((resolve) => {
    if (element.readyState > 0) resolve();
    else element.addEventListener("loadedmetadata", resolve, { once: true });
  });
}

const elements = [];
for (const src of parameters.getAll("src")) {
  const element = places[parameters.get("in") ?? "document"]();
  watchSize(element);
  await players[parameters.get("with")](element, src);
  elements.push(element);
}
document.querySelector("#play").addEventListener("click", () => {
  for (const element of elements) element.play();
});
await Promise.all(elements.map(loaded));
globalThis.media = elements;
document.querySelector("#play").dataset.ready = "";
