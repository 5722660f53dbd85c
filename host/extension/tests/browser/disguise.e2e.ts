/** Nothing is to be seen of the extension, and nothing that a page can replace is called. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Bench, run } from "./bench.ts";

const bench = new Bench();

/** All names in the script of the page's world, some of which are globals that it uses. */
function identifiers(): string[] {
  const script = fs.readFileSync(new URL("../../dist/main.js", import.meta.url), "utf8");
  return [...new Set(script.match(/(?<![.\w$#])[A-Za-z_$][\w$]*/g))];
}

test("a page that replaces everything is played, and none of it is called", async () => {
  const { page, errors } = await bench.open();
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
  await bench.onDevice(page);
  assert.deepEqual(errors, []);
  await page.close();
});

test("nothing is to be seen of the extension", async () => {
  const { page } = await bench.open();
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
