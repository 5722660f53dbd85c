/**
 * A redirected element behaves as the browser's own: the same events in the same order, the
 * same promises, nothing to be seen of the extension, and nothing to be noticed of a change
 * from the device to the browser and back.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { RATE } from "../../../../tests/session/clips.ts";
import { errorsOf, nativeFrames, PLAY_MS } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures that parked elements decode: some for each place they are parked at. */
const PARKED_FRAMES = 40;

let rig: BrowserRig;
let clip: string;
before(async () => {
  rig = await BrowserRig.start();
  await rig.worker();
  clip = path.posix.dirname(await rig.clip("fmp4"));
});
after(() => rig?.stop());

/** Runs a script in the page as its own would run: without a gesture of the user. */
async function run(page: Page, script: string): Promise<unknown> {
  const devtools = await page.context().newCDPSession(page);
  const { result, exceptionDetails } = await devtools.send("Runtime.evaluate", {
    expression: `(async () => { ${script} })()`,
    awaitPromise: true,
    returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
  return result.value;
}

async function open(): Promise<{ page: Page; errors: string[] }> {
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/behaviour.html?clip=${clip}`));
  return { page, errors };
}

/** Waits until the device plays the page's video: its own element stands still. */
async function onDevice(page: Page): Promise<void> {
  const isShown = ({ items }: { items: { flowing: boolean }[] }) => items.some((it) => it.flowing);
  await rig.status.now.until("a picture on the device", isShown, PLAY_MS);
  assert.ok((await nativeFrames(page)) <= PARKED_FRAMES, "the browser's element is parked");
}

/** What a page does, and what Chromium without the extension answers. */
const CASES: readonly {
  name: string;
  script: string;
  expected: unknown;
}[] = [
  {
    name: "play is play, playing and a promise",
    script: `const video = make(); await fill(video);
      await reaching(() => video.readyState === 4 && log.includes("canplaythrough"));
      log.length = 0; await Promise.all([video.play(), video.play()]);
      await reaching(() => video.currentTime > 0.3);
      return [log.join(), video.paused, video.readyState];`,
    expected: ["play,playing", false, 4],
  },
  {
    name: "a removal ends at the picture that the browser keeps",
    script: `const video = make(); const buffer = await fill(video, 2); await video.play();
      await reaching(() => video.currentTime > 1.2); video.pause(); await until(video, "pause");
      buffer.remove(0, 0.06666666666666665); await until(buffer, "updateend"); log.length = 0;
      video.currentTime = 0.3; await until(video, "seeked"); await video.play();
      await reaching(() => video.currentTime > 0.6);
      return [log.filter((type) => type === "waiting").length, video.buffered.start(0) < 0.1];`,
    expected: [0, true],
  },
  {
    name: "play before the data waits for it",
    script: `const video = make(); const source = await openSource(video); log.length = 0;
      const played = video.play(); const buffer = source.addSourceBuffer(MIME);
      for (const name of segments()) {
        buffer.appendBuffer(await segment(name)); await until(buffer, "updateend");
      }
      await played; await reaching(() => video.currentTime > 0.3);
      return log.join();`,
    expected: "play,waiting,loadedmetadata,loadeddata,canplay,playing,canplaythrough",
  },
  {
    name: "play and pause at once",
    script: `const video = make(); await fill(video);
      await reaching(() => log.includes("canplaythrough")); log.length = 0;
      const played = video.play(); video.pause();
      const name = await played.then(() => "played", (error) => error.name);
      return [name, log.join(), video.paused];`,
    expected: ["played", "play,playing", true],
  },
  {
    name: "a play that ends in vain says why",
    script: `const why = [];
      for (const end of [
        (video) => video.pause(), (video) => video.remove(), (video) => { video.src = ""; },
      ]) {
        const video = make(); await openSource(video);
        const played = video.play(); end(video);
        why.push(video.paused, await played.catch(({ message }) => message.split(". ")[0]));
      }
      return why;`,
    expected: [
      true,
      "The play() request was interrupted by a call to pause()",
      false,
      "The play() request was interrupted because the media was removed from the document",
      true,
      "The play() request was interrupted by a new load request",
    ],
  },
  {
    name: "what cannot be played says so before its play is refused",
    script: `await playing(); const seen = [];
      for (const name of ["nothing.mp4", "nothing.webm", "nothing.ogg"]) {
        const video = make();
        video.addEventListener("error", () => seen.push(video.error?.code));
        video.src = "/" + name;
        await video.play().catch((error) => {
          seen.push(error.name); video.removeAttribute("src"); video.load();
        });
        await until(video, "emptied");
      }
      return seen;`,
    expected: [4, "NotSupportedError", 4, "NotSupportedError", 4, "NotSupportedError"],
  },
  {
    name: "a seek to the end while it plays",
    script: `const video = await playing(); video.loop = false; video.currentTime = video.duration;
      await until(video, "ended");
      return [log.join(), video.ended, video.paused];`,
    expected: ["seeking,waiting,seeked,canplay,playing,canplaythrough,pause,ended", true, true],
  },
  {
    name: "a seek as soon as it plays",
    script: `const video = make(); await fill(video);
      await reaching(() => log.includes("canplaythrough"));
      const played = until(video, "playing"); video.play(); await played; log.length = 0;
      video.addEventListener("timeupdate", () => log.push("timeupdate"));
      await new Promise((resolve) => setTimeout(resolve)); video.currentTime = 2;
      await until(video, "seeked"); return log.join();`,
    expected: "seeking,waiting,timeupdate,seeked",
  },
  {
    name: "a duration that ends before the position",
    script: `const video = make(); const buffer = await fill(video, 3); const source = opened;
      await video.play(); video.currentTime = 2.5; await until(video, "canplaythrough");
      log.length = 0; buffer.remove(1, Infinity); await until(buffer, "updateend");
      source.duration = buffer.buffered.end(0);
      const { seeking, currentTime, duration } = video; source.endOfStream();
      await until(video, "ended");
      return [seeking, currentTime === duration, log[0], log.at(-1)];`,
    expected: [true, true, "seeking", "ended"],
  },
  {
    name: "the autoplay attribute",
    script: `const video = make({ autoplay: true }); await fill(video);
      await reaching(() => video.currentTime > 0.3);
      return log.join();`,
    expected: "loadstart,loadedmetadata,loadeddata,canplay,canplaythrough,play,playing",
  },
  {
    name: "the autoplay attribute of one that is taken out of its document",
    script: `const video = make({ autoplay: true });
      await fill(video, 1, () => video.remove());
      await reaching(() => log.includes("canplay"));
      let left = 30; await reaching(() => left-- === 0);
      return [video.paused, log.includes("play")];`,
    expected: [true, false],
  },
  {
    name: "the browser's autoplay policy decides",
    script: `const video = make({ muted: false }); await fill(video);
      const name = await video.play().then(() => "played", (error) => error.name);
      return [name, video.paused];`,
    expected: ["NotAllowedError", true],
  },
  {
    name: "a seek while it plays",
    script: `const video = await playing();
      video.currentTime = 2.5; const { seeking, currentTime } = video;
      await until(video, "playing");
      await reaching(() => log.at(-1) === "canplaythrough");
      return [seeking, currentTime, log.join(), video.seeking, video.currentTime >= 2.5];`,
    expected: [true, 2.5, "seeking,waiting,seeked,canplay,playing,canplaythrough", false, true],
  },
  {
    name: "a seek while it is paused",
    script: `const video = make(); await fill(video);
      await reaching(() => log.includes("canplaythrough")); log.length = 0;
      video.currentTime = 2.5;
      await until(video, "canplaythrough");
      return [log.join(), video.currentTime, video.paused];`,
    expected: ["seeking,seeked,canplay,canplaythrough", 2.5, true],
  },
  {
    name: "the end, and again",
    script: `const video = make(); await fill(video); video.currentTime = video.duration - 0.4;
      await until(video, "canplaythrough"); log.length = 0;
      await video.play(); await until(video, "ended");
      const end = [video.ended, video.paused, video.currentTime === video.duration];
      await video.play(); await reaching(() => video.currentTime > 0.2 && video.currentTime < 2);
      return [end, log.join()];`,
    expected: [
      [true, true, true],
      "play,playing,pause,ended,seeking,play,waiting,seeked,canplay,playing,canplaythrough",
    ],
  },
  {
    name: "a loop",
    script: `const video = make({ loop: true }); await fill(video);
      video.currentTime = video.duration - 0.4; await until(video, "canplaythrough");
      log.length = 0; await video.play(); await until(video, "seeked");
      await reaching(() => log.at(-1) === "canplaythrough");
      return log.join();`,
    expected: "play,playing,seeking,waiting,seeked,canplay,playing,canplaythrough",
  },
  {
    name: "a loop that is sent to its end",
    script: `const video = await playing(); video.currentTime = video.duration;
      await reaching(() => log.filter((type) => type === "seeked").length === 2);
      await reaching(() => video.currentTime > 0.2 && video.currentTime < 2);
      return [video.paused, video.ended, log.includes("ended")];`,
    expected: [false, false, false],
  },
  {
    name: "what becomes a loop after its end",
    script: `const video = make(); await fill(video); video.currentTime = video.duration - 0.4;
      await until(video, "canplaythrough"); await video.play(); await until(video, "ended");
      log.length = 0; video.loop = true; const { ended, paused } = video;
      video.play(); await until(video, "seeked");
      return [ended, paused, video.paused, log.filter((type) => /play$|seek/.test(type)).join()];`,
    expected: [false, true, false, "seeking,play,seeked"],
  },
  {
    name: "the position of what is loaded anew",
    script: `const video = await playing(); const seen = [];
      for (const type of ["emptied", "timeupdate", "loadstart"]) {
        video.addEventListener(type, () => seen.push(type));
      }
      const started = until(video, "loadstart"); video.load(); await started;
      return [seen.join(), video.currentTime, video.paused];`,
    expected: ["emptied,timeupdate,loadstart", 0, true],
  },
  {
    name: "data that runs out",
    script: `const video = make(); await fill(video, 2); await video.play(); log.length = 0;
      await until(video, "waiting");
      return [log.join(), video.readyState, video.paused, Math.round(video.currentTime)];`,
    expected: ["waiting", 2, false, 2],
  },
  {
    name: "an element that is taken out pauses, one that is moved does not",
    script: `const video = await playing(); const place = document.createElement("div");
      document.body.append(place); place.append(video);
      await reaching(() => video.currentTime > 1); const moved = video.paused;
      video.remove(); await until(video, "pause");
      return [moved, video.paused, log.join()];`,
    expected: [false, true, "pause"],
  },
  {
    name: "a rate of 0 stands until it is another",
    script: `const video = make(); await fill(video); video.playbackRate = 0; await video.play();
      const at = video.currentTime; let left = 30; await reaching(() => left-- === 0);
      const stood = video.currentTime - at; video.playbackRate = 1;
      await reaching(() => video.currentTime > 0.5); return [stood, video.paused];`,
    expected: [0, false],
  },
  {
    name: "captions",
    script: `const video = make(); await fill(video);
      const track = video.addTextTrack("subtitles"); track.mode = "hidden"; const seen = [];
      for (const at of [0.2, 0.8]) {
        const cue = new VTTCue(at, at + 0.4, String(at));
        cue.onenter = () => seen.push("enter " + at); cue.onexit = () => seen.push("exit " + at);
        track.addCue(cue);
      }
      track.oncuechange = () => seen.push([...track.activeCues].map((cue) => cue.text).join());
      await video.play(); await reaching(() => seen.length === 8);
      return seen.join(" ");`,
    expected: "enter 0.2 0.2 exit 0.2  enter 0.8 0.8 exit 0.8 ",
  },
  {
    name: "cues that are over before they are seen, and one that pauses",
    script: `const video = make(); await fill(video); const seen = [];
      const track = video.addTextTrack("subtitles"); track.mode = "hidden";
      const cues = [[0.5, -10], [0.7, 0.7], [0.9, 0.901], [2, 3]];
      for (const [from, to] of cues) {
        const cue = new VTTCue(from, to, ""); track.addCue(cue); cue.pauseOnExit = to === 0.901;
        cue.onenter = () => seen.push(from); cue.onexit = () => seen.push(to);
      }
      video.addEventListener("pause", () => seen.push("pause"));
      await video.play(); await until(video, "pause");
      await reaching(() => seen.length === 7); const { paused } = video;
      await video.play(); video.currentTime = 3.5; await until(video, "playing");
      return [seen.filter((what) => what !== "pause").join(), paused];`,
    expected: ["0.5,-10,0.7,0.7,0.9,0.901", true],
  },
  {
    name: "the list of active cues",
    script: `const video = make(); const track = video.addTextTrack("subtitles");
      track.mode = "hidden"; const list = track.activeCues; await fill(video);
      const add = (from, to) => track.addCue(new VTTCue(from, to, String(to)));
      add(0, 10); const counts = [list === track.activeCues && list.length];
      await video.play(); await reaching(() => video.currentTime > 0.3);
      const same = () => counts.push(track.activeCues === list && list.length);
      same(); add(0, 20); same(); track.activeCues[0].endTime = 0.1; same();
      counts.push(list[0].text, list[1] === undefined, Object.keys(list).join(), [...list].length);
      video.src = ""; same(); track.mode = "disabled";
      return [counts, track.activeCues, list.length];`,
    expected: [[0, 1, 2, 1, "10", true, "0", 1, 0], null, 0],
  },
  {
    name: "the events of a <track>",
    script: `const video = make(); await fill(video); const seen = [];
      const element = document.createElement("track");
      element.src = "data:text/vtt,WEBVTT%0A%0A00:00.200 --> 00:00.600%0AOne";
      element.track.mode = "hidden";
      element.oncuechange = () => seen.push("element " + element.track.activeCues.length);
      element.track.addEventListener("cuechange", () => seen.push("track"));
      video.append(element); await until(element, "load");
      await video.play(); await reaching(() => video.currentTime > 0.8);
      return seen.join();`,
    expected: "track,element 1,track,element 0",
  },
  {
    name: "captions that a seek leaves and comes to",
    script: `const video = make(); await fill(video); const seen = [];
      const track = video.addTextTrack("subtitles"); track.mode = "hidden";
      track.oncuechange = () => seen.push("change");
      for (const at of [0, 2.5]) {
        const cue = new VTTCue(at, at + 2, ""); cue.onenter = () => seen.push("enter " + at);
        cue.addEventListener("exit", () => seen.push("exit " + at)); track.addCue(cue);
      }
      await video.play(); await reaching(() => seen.length === 2 && video.currentTime > 0.3);
      video.pause(); video.currentTime = 2.6; await until(video, "canplaythrough");
      await video.play(); await reaching(() => video.currentTime > 2.9);
      return seen.join();`,
    expected: "enter 0,change,exit 0,enter 2.5,change",
  },
  {
    name: "callbacks asked for before there is anything to play",
    script: `const video = make(); const seen = [];
      const called = (name) => (_, { width }) => seen.push([name, width, video.readyState > 1]);
      video.requestVideoFrameCallback(called("kept"));
      const id = video.requestVideoFrameCallback(called("cancelled"));
      await fill(video, 4, () => video.cancelVideoFrameCallback(id));
      await video.play(); await reaching(() => video.currentTime > 0.5); return seen;`,
    expected: [["kept", 640, true]],
  },
  {
    name: "callbacks that callbacks cancel, and ask for",
    script: `const video = await playing(); const seen = []; let cancelled;
      await new Promise((resolve) => {
        video.requestVideoFrameCallback((first) => {
          video.cancelVideoFrameCallback(cancelled);
          video.requestVideoFrameCallback((second) => { seen.push(second > first); resolve(); });
        });
        cancelled = video.requestVideoFrameCallback(() => seen.push("cancelled"));
      });
      return seen;`,
    expected: [true],
  },
  {
    name: "listeners above it, in a declared shadow tree and in a tree of no document",
    script: `const heard = [];
      const types = ["play", "playing", "pause", "seeking", "seeked"];
      const listen = (node) => { const log = []; heard.push(log);
        for (const type of types) node.addEventListener(type, () => log.push(type), true); };
      const plays = async (video) => {
        await fill(video, 2); await video.play(); await reaching(() => video.currentTime > 0.5);
        video.currentTime = 1.2; await until(video, "seeked");
        await reaching(() => video.currentTime > 1.4);
        video.pause(); await until(video, "pause");
      };
      const host = document.createElement("div"); document.body.append(host);
      host.setHTMLUnsafe("<p><template shadowrootmode=open><b><video muted></b></template></p>");
      const { shadowRoot } = host.firstChild; const top = document.createElement("div");
      top.innerHTML = "<b></b>"; const alone = document.createElement("video"); alone.muted = true;
      for (const node of [shadowRoot, shadowRoot.firstChild, top, top.firstChild]) listen(node);
      await plays(shadowRoot.querySelector("video"));
      top.firstChild.append(alone); await plays(alone);
      return heard.map((log) => log.join());`,
    expected: Array.from({ length: 4 }, () => "play,playing,seeking,seeked,playing,pause"),
  },
  {
    name: "pictures are counted from where it begins",
    script: `const counted = () => video.getVideoPlaybackQuality().totalVideoFrames;
      const video = make(); const source = await openSource(video); const counts = [];
      const buffer = source.addSourceBuffer(MIME); buffer.timestampOffset = 3600;
      for (const name of segments(2)) {
        buffer.appendBuffer(await segment(name)); await until(buffer, "updateend");
      }
      source.endOfStream(); video.currentTime = 3600; await video.play();
      await reaching(() => { counts.push(counted()); return video.ended; });
      const all = Math.round((video.buffered.end(0) - 3600) * ${RATE});
      await reaching(() => counted() > all - 3);
      const steady = counts.every((count, at) => at === 0 || count >= counts[at - 1]);
      return [steady, counts.at(-1) <= all, counted() <= all];`,
    expected: [true, true, true],
  },
  {
    name: "callbacks for each picture",
    script: `const video = await playing(); const times = []; const counts = [];
      await new Promise((resolve) => {
        const called = (_, { mediaTime, presentedFrames }) => {
          counts.push(presentedFrames); times.push(mediaTime); if (times.length === 12) resolve();
          else video.requestVideoFrameCallback(called);
        };
        video.requestVideoFrameCallback(called);
      });
      const steps = times.slice(1).map((time, at) => time - times[at]);
      const grows = counts.every((count, at) => at === 0 || count > counts[at - 1]);
      return [grows, steps.every((step) => step > 0 && step < 0.5)];`,
    expected: [true, true],
  },
];

for (const { name, script, expected } of CASES) {
  test(`as the browser's own: ${name}`, async () => {
    const { page, errors } = await open();
    assert.deepEqual(await run(page, script), expected);
    assert.deepEqual(errors, []);
    assert.ok((await nativeFrames(page)) <= PARKED_FRAMES, "decoded in the session");
    await page.close();
  });
}

/** What reads an element, and then the browser plays it. */
const CAPTURES: readonly (readonly [string, string])[] = [
  ["a canvas", `document.createElement("canvas").getContext("2d").drawImage(video, 0, 0)`],
  ["captureStream", "video.captureStream()"],
  ["Web Audio", "new AudioContext().createMediaElementSource(video)"],
  ["an ImageBitmap", "createImageBitmap(video)"],
  ["a VideoFrame", "new VideoFrame(video).close()"],
];

for (const [name, script] of CAPTURES) {
  test(`the browser plays on for ${name}, and the page hears nothing`, async () => {
    const { page, errors } = await open();
    await page.evaluate("(async () => { globalThis.video = await playing(); })()");
    await onDevice(page);
    const seen = await page.evaluate(`(async () => {
      const before = video.currentTime; ${script}; const { paused, seeking } = video;
      await reaching(() => video.currentTime > before + 0.3 || video.currentTime < before);
      return [paused, seeking, video.currentTime - before < 1, log.join()];
    })()`);
    assert.deepEqual(seen, [false, false, true, ""]);
    assert.ok((await nativeFrames(page)) > 0);
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("the browser plays on in the task of a play(), and the page hears nothing else", async () => {
  const { page, errors } = await open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await onDevice(page);
  const seen = await page.evaluate(`(async () => {
    const at = video.currentTime; video.pause(); const played = video.play();
    document.createElement("canvas").getContext("2d").drawImage(video, 0, 0);
    await played; await reaching(() => video.currentTime > at + 0.3 || video.currentTime < at);
    return log.join();
  })()`);
  assert.equal(seen, "pause,play,playing");
  assert.deepEqual(errors, []);
  await page.close();
});

test("a stage that dies is not noticed, and neither is the next", async () => {
  const { page, errors } = await open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await onDevice(page);
  const pidOfStage = () => rig.status.now.value.processes.find(({ role }) => role === "stage")?.pid;
  const killed = pidOfStage();
  assert.ok(killed !== undefined);
  process.kill(killed, "SIGKILL");
  await rig.status.now.until("another stage", () => (pidOfStage() ?? killed) !== killed, PLAY_MS);
  const isShown = ({ items }: { items: { flowing: boolean }[] }) => items.some((it) => it.flowing);
  await rig.status.now.until("a picture again", isShown, PLAY_MS);
  const seen = await page.evaluate("[video.paused, video.readyState]");
  assert.deepEqual(seen, [false, 4]);
  const heard = await page.evaluate<string[]>("log");
  const rounds = new Set(["seeking", "waiting", "seeked", "canplay", "playing", "canplaythrough"]);
  assert.ok(
    heard.every((type) => rounds.has(type)),
    `nothing but the loop's own: ${heard}`,
  );
  assert.deepEqual(errors, []);
  await page.close();
});

test("a stage that dies during a seek does not keep the page waiting", async () => {
  const { page, errors } = await open();
  await page.evaluate("(async () => { globalThis.video = await playing(); })()");
  await onDevice(page);
  const stage = rig.status.now.value.processes.find(({ role }) => role === "stage")?.pid;
  assert.ok(stage !== undefined);
  process.kill(stage, "SIGSTOP");
  try {
    await page.evaluate("video.currentTime = 3; until(video, 'seeking')");
    assert.equal(await page.evaluate("video.seeking"), true);
  } finally {
    process.kill(stage, "SIGKILL");
  }
  await page.waitForFunction("log.includes('seeked')", undefined, { timeout: PLAY_MS });
  await page.waitForFunction("video.currentTime > 3.3 || video.currentTime < 1");
  const heard = await page.evaluate<string[]>("log");
  assert.equal(heard.filter((type) => type === "pause" || type === "play").length, 0, `${heard}`);
  assert.deepEqual(errors, []);
  await page.close();
});

/** All names in the script of the page's world, some of which are globals that it uses. */
function identifiers(): string[] {
  const script = fs.readFileSync(new URL("../../dist/main.js", import.meta.url), "utf8");
  return [...new Set(script.match(/(?<![.\w$#])[A-Za-z_$][\w$]*/g))];
}

test("a page that replaces everything is played, and none of it is called", async () => {
  const { page, errors } = await open();
  const names = identifiers();
  assert.ok(names.includes("TextTrackCue") && names.includes("DOMException"));
  const seen = await run(
    page,
    `const video = make(); const source = await openSource(video); const data = [];
    for (const name of segments()) data.push(await segment(name));
    const { getOwnPropertyDescriptor } = Object; const { call } = Function.prototype;
    const method = (owner, name) => call.bind(owner.prototype[name]);
    const attribute = (owner, name, side = "get") =>
      call.bind(getOwnPropertyDescriptor(owner.prototype, name)[side]);
    const add = method(MediaSource, "addSourceBuffer");
    const append = method(SourceBuffer, "appendBuffer"), cut = method(SourceBuffer, "remove");
    const play = method(HTMLMediaElement, "play"), pause = method(HTMLMediaElement, "pause");
    const paused = attribute(HTMLMediaElement, "paused");
    const at = attribute(HTMLMediaElement, "currentTime");
    const seek = attribute(HTMLMediaElement, "currentTime", "set");
    const readyState = attribute(HTMLMediaElement, "readyState");
    const played = attribute(HTMLMediaElement, "played"), count = attribute(TimeRanges, "length");
    const end = method(TimeRanges, "end"), quality = method(HTMLVideoElement, "getVideoPlaybackQuality");
    const ask = method(HTMLVideoElement, "requestVideoFrameCallback");
    const active = attribute(TextTrack, "activeCues"), length = attribute(TextTrackCueList, "length");
    const track = video.addTextTrack("captions"); track.mode = "showing";
    const heard = []; let frames = 0; const cue = new VTTCue(0.2, 3, "One <b>bold</b> word");
    cue.onenter = () => { heard[heard.length] = length(active(track)); };
    track.oncuechange = () => { heard[heard.length] = "change"; };
    track.addCue(cue);

    const called = poison(${JSON.stringify(names)});
    globalThis.called = called;
    const buffer = add(source, MIME);
    for (let each = 0; each < data.length; each++) {
      append(buffer, data[each]); await until(buffer, "updateend");
    }
    cut(buffer, 3.5, 4); await until(buffer, "updateend");
    ask(video, () => { frames += 1; });
    await play(video); await reaching(() => at(video) > 0.4);
    pause(video); await until(video, "pause"); await play(video);
    seek(video, 1); await until(video, "seeked"); await reaching(() => at(video) > 1.2);
    quality(video); let thrown = "";
    try { end(played(video)); } catch { thrown = "one argument"; }
    return [paused(video), readyState(video), count(played(video)), heard.join(), frames, thrown];`,
  );
  assert.deepEqual(seen, [false, 4, 2, "1,change", 1, "one argument"]);
  assert.deepEqual(await run(page, "return called;"), []);
  await onDevice(page);
  assert.deepEqual(errors, []);
  await page.close();
});

test("nothing is to be seen of the extension", async () => {
  const { page } = await open();
  const seen = await run(
    page,
    `const wrong = [];
    const prototype = HTMLMediaElement.prototype;
    const native = (name) => "function " + name + "() { [native code] }";
    const expect = (what, is, should) => {
      if (is !== should) wrong.push(what + ": " + String(is));
    };
    for (const name of ["play", "pause", "load", "captureStream"]) {
      const { value } = Object.getOwnPropertyDescriptor(prototype, name);
      expect(name, String(value), native(name));
      expect(name + ".name", value.name, name);
      expect(name + ".prototype", "prototype" in value, false);
    }
    for (const name of ["paused", "currentTime", "readyState", "buffered", "preload"]) {
      const { get } = Object.getOwnPropertyDescriptor(prototype, name);
      expect(name, String(get), native("get " + name));
    }
    expect("toString", String(Function.prototype.toString), native("toString"));
    expect("Audio", new Audio() instanceof Audio && String(Audio), native("Audio"));
    expect("VideoFrame", VideoFrame.prototype.constructor, VideoFrame);
    expect("own properties", Object.getOwnPropertyNames(document.createElement("video")).join(), "");
    try {
      Object.getOwnPropertyDescriptor(prototype, "paused").get.call({});
      wrong.push("no error");
    } catch (error) {
      if (error.stack.includes("extension")) wrong.push(error.stack);
    }
    return wrong;`,
  );
  assert.deepEqual(seen, []);
  await page.close();
});
