/**
 * Files by URL: a page that changes what its element plays, in each way that pages have, hears what
 * it hears of the browser, and the device plays it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { errorsOf, nativeFrames, onDevice, PLAY_MS } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures that parked elements decode, for each file. */
const PARKED_FRAMES = 20;

let rig: BrowserRig;
let files: { mp4: string; webm: string };
before(async () => {
  rig = await BrowserRig.start();
  files = { mp4: await rig.clip("mp4"), webm: await rig.clip("webm") };
});
after(() => rig?.stop());

/** What a page does with its `video` to play the second file, without waiting in between. */
const WAYS: Record<string, string> = {
  src: "video.src = second; return video.play();",
  "the attribute": `video.setAttribute("src", second); return video.play();`,
  "the attribute as it was": `video.setAttribute("src", video.getAttribute("src") ?? second);
    return video.play();`,
  "sources, loaded": `video.removeAttribute("src");
    const source = document.createElement("source"); source.src = second;
    video.replaceChildren(source); video.load(); return video.play();`,
  "a new element": `video.remove(); globalThis.video = make();
    const source = document.createElement("source"); source.src = second; video.append(source);
    return video.play();`,
  "a source that is there after one that is not": `video.remove(); globalThis.video = make();
    for (const src of ["/none.mp4", second]) {
      const source = document.createElement("source"); source.src = src; video.append(source);
    }
    return video.play();`,
};

for (const [name, script] of Object.entries(WAYS)) {
  test(`another file: ${name}`, async () => {
    rig.status.record();
    const page = await rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(rig.url("/behaviour.html"));
    const said = await page.evaluate(`(async () => {
      const first = ${JSON.stringify(files.mp4)}, second = ${JSON.stringify(files.webm)};
      globalThis.video = make(); video.src = first; await video.play();
      await reaching(() => video.currentTime > 0.5); log.length = 0;
      const answer = await (async () => { ${script} })().then(() => "plays", (error) => error.name);
      await reaching(() => video.currentTime > 0.1 && video.currentTime < 0.5);
      await reaching(() => video.currentTime > 0.5);
      const known = [...new Set(log)].filter((type) => !["waiting", "emptied", "pause"].includes(type));
      return [answer, video.paused, known.join()];
    })()`);
    const heard = "play,loadstart,loadedmetadata,loadeddata,canplay,playing,canplaythrough";
    assert.deepEqual(said, ["plays", false, heard]);
    await onDevice(rig, "the other file", (items) => items.some((item) => item.flowing));
    assert.ok((await nativeFrames(page)) <= 2 * PARKED_FRAMES, "decoded in the session");
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("the autoplay attribute of a file that has sound", async () => {
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url("/behaviour.html"));
  // After a gesture of the user, as playwright makes it.
  const said = await page.evaluate(`(async () => {
    globalThis.video = make({ muted: false, autoplay: true, src: ${JSON.stringify(files.mp4)} });
    await reaching(() => video.currentTime > 0.3);
    return log.join();
  })()`);
  const heard = "loadstart,loadedmetadata,loadeddata,canplay,play,playing,canplaythrough";
  assert.equal(said, heard);
  await onDevice(rig, "the file", (items) => items.some((item) => item.flowing));
  assert.deepEqual(errors, []);
  await page.close();
});

test("what is no media pauses, and says why", async () => {
  const page = await rig.context.newPage();
  await page.goto(rig.url("/behaviour.html"));
  const said = await page.evaluate(`(async () => {
    const video = make({ src: "/nothing.mp4" });
    video.addEventListener("error", () => log.push(video.paused));
    const why = await video.play().catch(({ name, message }) => name + ": " + message);
    log.push("refused"); await until(video, "pause");
    return [why, log.join(), video.paused];
  })()`);
  const why = "NotSupportedError: Failed to load because no supported source was found.";
  assert.deepEqual(said, [why, "play,waiting,loadstart,error,true,refused,pause", true]);
  await page.close();
});

/** A page of which a first `video` has played a bit of `first` on the device; the log is empty. */
async function played(): Promise<{ page: Page; errors: string[] }> {
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url("/behaviour.html"));
  await page.evaluate(`(async () => {
    globalThis.first = ${JSON.stringify(files.mp4)};
    globalThis.second = ${JSON.stringify(files.webm)};
    globalThis.video = make(); video.src = first; await video.play();
    await reaching(() => video.currentTime > 0.3); log.length = 0;
  })()`);
  await onDevice(rig, "the file", (items) => items.some((item) => item.flowing));
  return { page, errors };
}

/** What a page does with a device at hand, and hears, as of Chromium without the extension. */
const HEARD: Record<string, { script: string; expected: string }> = {
  "play at once": {
    script: `video = make(); video.src = second; await video.play();
      await reaching(() => log.includes("canplaythrough"));`,
    expected: "play,waiting,loadstart,loadedmetadata,loadeddata,canplay,playing,canplaythrough",
  },
  "pause and back to the begin": {
    script: `video.pause(); video.currentTime = 0;
      await reaching(() => log.includes("canplaythrough"));`,
    expected: "pause,seeking,seeked,canplay,canplaythrough",
  },
  "pause and another file": {
    script: `video.pause(); video.src = second; await video.play();
      await reaching(() => log.includes("canplaythrough"));`,
    expected:
      "emptied,play,waiting,loadstart,loadedmetadata,loadeddata,canplay,playing,canplaythrough",
  },
  "a place to begin at": {
    script: `video = make(); video.src = second; video.currentTime = 2;
      await reaching(() => log.includes("canplaythrough"));`,
    expected: "loadstart,loadedmetadata,seeking,seeked,loadeddata,canplay,canplaythrough",
  },
  "another file as soon as one can play": {
    script: `video = make(); video.src = second; await until(video, "canplaythrough");
      log.length = 0; video.src = first; await until(video, "canplaythrough");`,
    expected: "emptied,loadstart,loadedmetadata,loadeddata,canplay,canplaythrough",
  },
  "play at the end that it was sent to": {
    script: `video.pause(); video.currentTime = video.duration; await until(video, "seeked");
      await reaching(() => video.ended && log.at(-1) === "canplaythrough"); log.length = 0;
      video.muted = false; await video.play(); await reaching(() => log.includes("canplaythrough"));`,
    expected: "seeking,play,waiting,seeked,canplay,playing,canplaythrough",
  },
  "play before there is a file": {
    script: `video = make(); const played = video.play(); await until(video, "waiting");
      video.src = second; await played.catch(({ name }) => log.push(name));`,
    expected: "play,waiting,loadstart,loadedmetadata,loadeddata,canplay,playing",
  },
  "a file that is not there": {
    script: `video = make(); video.src = "/nothing.mp4";
      video.play().catch(({ name }) => log.push(name)); await until(video, "pause");
      log.push(video.paused, video.videoWidth);`,
    expected: "play,waiting,loadstart,error,NotSupportedError,pause,true,0",
  },
  "a video without sound that plays by itself, below": {
    script: `const space = document.createElement("div"); space.style.height = "3000px";
      document.body.append(space); video = make({ autoplay: true, loop: true }); video.src = first;
      await reaching(() => log.includes("canplaythrough"));
      for (let at = 0; at < 10; at++) await new Promise((done) => requestAnimationFrame(done));
      log.push(video.paused); video.scrollIntoView(); await reaching(() => video.currentTime > 0.3);
      scrollTo(0, 0); await until(video, "pause"); video.scrollIntoView();
      await until(video, "playing");`,
    expected:
      "loadstart,loadedmetadata,loadeddata,canplay,canplaythrough,true,play,playing,pause,play,playing",
  },
};

for (const [name, { script, expected }] of Object.entries(HEARD)) {
  test(`what a page hears: ${name}`, async () => {
    const { page, errors } = await played();
    const heard = await page.evaluate(`(async () => { ${script}; return log.join(); })()`);
    assert.equal(heard, expected);
    assert.deepEqual(errors, []);
    await page.close();
  });
}

test("more files than the device takes of a page", async () => {
  const { page, errors } = await played();
  await page.evaluate(`(async () => {
    video.pause(); await until(video, "pause"); log.length = 0;
    globalThis.at = video.currentTime;
    globalThis.others = [];
    while (others.length < 40) {
      const other = new Audio(second); others.push(other); await other.play();
      await reaching(() => other.currentTime > 0); other.pause();
    }
  })()`);
  await onDevice(rig, "each of them", (items) => items.length >= 41);
  assert.ok(rig.status.now.value.items.length <= 25, "too many at once");
  // The device says where exactly it has stopped.
  const state = await page.evaluate(
    "[log.join(), Math.abs(video.currentTime - at) < 0.1, video.paused, video.readyState]",
  );
  assert.deepEqual(state, ["", true, true, 4]);
  // Whoever has left the device is there again.
  await page.evaluate(`(async () => { const from = video.currentTime; await video.play();
    log.push(video.currentTime >= from); await reaching(() => video.currentTime > from + 0.3); })()`);
  assert.equal(await page.evaluate("log.join()"), "play,playing,true");
  const plays = ({ items }: { items: { flowing: boolean }[] }) => items.some((it) => it.flowing);
  await rig.status.now.until("the first one again", plays, PLAY_MS);
  assert.ok((await nativeFrames(page)) <= 2 * PARKED_FRAMES, "decoded in the session");
  assert.deepEqual(errors, []);
  await page.close();
});

test("a picture of each of many files, and then a video plays on the device", async () => {
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url("/behaviour.html"));
  await page.evaluate(`(async () => {
    const file = ${JSON.stringify(files.mp4)};
    const canvas = document.createElement("canvas").getContext("2d");
    for (let at = 0; at < 40; at++) {
      const one = make({ preload: "auto", src: file + "?" + at, width: 64, height: 36 });
      if (one.readyState < 2) await until(one, "loadeddata");
      canvas.drawImage(one, 0, 0);
    }
    globalThis.video = make({ src: file }); await video.play();
    await reaching(() => video.currentTime > 2);
  })()`);
  await onDevice(rig, "the video", (items) => items.some((item) => item.flowing));
  assert.deepEqual(errors, []);
  await page.close();
});

test("a video that goes to another document plays, and no error comes of it", async () => {
  const { page } = await played();
  const seen = await page.evaluate(`(async () => {
    const errors = []; addEventListener("error", ({ message }) => errors.push(message));
    const frame = document.createElement("iframe"); document.body.append(frame);
    frame.contentDocument.body.append(video); await video.play();
    await reaching(() => video.currentTime > 0.5);
    frame.remove();
    for (let at = 0; at < 10; at++) await new Promise((done) => requestAnimationFrame(done));
    return errors;
  })()`);
  assert.deepEqual(seen, []);
  const isGone = ({ items }: { items: { flowing: boolean }[] }) => !items.some((it) => it.flowing);
  await rig.status.now.until("nothing on the device", isGone, PLAY_MS);
  await page.close();
});

test("what has ended and is rewound stands where it is, also on the device", async () => {
  const { page, errors } = await played();
  const stands = await page.evaluate(`(async () => {
    video.playbackRate = 4; await until(video, "ended");
    video.currentTime = 1; await until(video, "seeked");
    await new Promise((done) => setTimeout(done, 1500));
    return [video.paused, video.ended, video.currentTime];
  })()`);
  assert.deepEqual(stands, [true, false, 1]);
  await onDevice(rig, "1 s", (items) =>
    items.some((item) => Math.abs(item.position_micros - 1e6) < 50_000),
  );
  assert.deepEqual(errors, []);
  await page.close();
});

test("a file that is longer than the browser thinks is heard to its end", async () => {
  const vbr = await rig.clip("vbr");
  rig.status.record();
  const page = await rig.context.newPage();
  await page.goto(rig.url("/behaviour.html"));
  const thought = await page.evaluate(`(async () => {
    globalThis.video = make({ src: ${JSON.stringify(vbr)} }); await video.play();
    const { duration } = video; await until(video, "ended");
    return duration;
  })()`);
  assert.ok(Number(thought) < 5, `the browser is right: ${thought} s`);
  await onDevice(rig, "6 s", (items) => items.some((item) => item.position_micros > 5.9e6));
  await page.close();
});
