/** What a page is told while the device plays: cues, pictures and events, as of the browser's own. */
import { RATE } from "../../../../tests/session/clips.ts";
import { Bench } from "./bench.ts";

new Bench().compare([
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
]);
