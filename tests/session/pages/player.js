// player.html?with=PLAYER&src=URL: one video, played by one of the usual players, as their own
// documentation says to. A second `src` adds a second video beside the first.
// A click on a video plays it. What a player reports as fatal is reported as an uncaught error.
//
// width=PIXELS  width of the video       loop    plays for ever
// lazy          the player begins with the click
// marker        a box of one colour below the video
// switch        renditions change each second

const parameters = new URLSearchParams(location.search);
const stage = document.querySelector("#stage");

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
  async hls(video, src) {
    await load("/lib/hls.js/dist/hls.js");
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.fatal) fail("hls.js", data.type, data.details);
    });
    hls.loadSource(src);
    hls.attachMedia(video);
    if (parameters.has("switch")) switchLevels(hls, video);
  },

  async dash(video, src) {
    await load("/lib/dashjs/dist/modern/umd/dash.all.debug.js");
    const player = dashjs.MediaPlayer().create();
    player.updateSettings({ debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE } });
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => {
      fail("dash.js", error.code, error.message);
    });
    player.initialize(video, src, false);
  },

  async shaka(video, src) {
    await load("/lib/shaka-player/dist/shaka-player.compiled.js");
    const player = new shaka.Player();
    player.addEventListener("error", ({ detail }) => fail("shaka", detail.code));
    await player.attach(video);
    await player.load(src);
  },

  async videojs(video, src) {
    await load("/lib/video.js/dist/video.js");
    const player = videojs(video, { errorDisplay: false, fill: true, bigPlayButton: false });
    player.on("error", () => fail("video.js", player.error().message));
    player.src({ src, type: "application/x-mpegURL" });
  },

  async file(video, src) {
    video.src = src;
  },
};

/** Changes between the lowest and the highest rendition, each second. */
function switchLevels(hls, video) {
  let second = 0;
  video.addEventListener("timeupdate", () => {
    if (Math.floor(video.currentTime) === second) return;
    second = Math.floor(video.currentTime);
    hls.nextLevel = second % 2 === 0 ? 0 : hls.levels.length - 1;
  });
}

const sources = parameters.getAll("src");
if (sources.length > 1) {
  stage.style.display = "flex";
  stage.style.height = "180px";
}
const width = parameters.get("width");
if (width) {
  stage.style.width = `${width}px`;
  stage.style.height = `${(width * 9) / 16}px`;
}
for (const src of sources) {
  const video = document.createElement("video");
  video.playsInline = true;
  video.loop = parameters.has("loop");
  // Players lay things over the video: a click anywhere on it counts.
  const box = document.createElement("div");
  box.addEventListener("click", () => video.play());
  box.append(video);
  stage.append(box);
  const begin = () => players[parameters.get("with")](video, src);
  if (parameters.has("lazy")) box.addEventListener("click", begin, { once: true });
  else await begin();
}

if (parameters.has("marker")) {
  // Something of the page's own that moves with the video.
  const marker = document.createElement("div");
  marker.style.cssText =
    "position:absolute;left:60px;top:440px;width:80px;height:45px;background:#f0f";
  document.body.append(marker);
}
