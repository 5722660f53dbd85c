/**
 * A redirected element plays, seeks, loops and ends as the browser's own: the same events in the
 * same order, the same promises.
 */
import { Bench } from "./bench.ts";

new Bench().compare([
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
    name: "play and a seek at once",
    script: `const video = make(); await fill(video);
      await reaching(() => log.includes("canplaythrough")); log.length = 0;
      const played = video.play().then(() => log.push("played")); video.currentTime = 2;
      await played; await reaching(() => log.at(-1) === "canplaythrough");
      return log.join();`,
    expected: "play,playing,played,seeking,waiting,seeked,canplay,playing,canplaythrough",
  },
  {
    name: "play and another source at once",
    script: `const video = make(); await fill(video);
      await reaching(() => log.includes("canplaythrough")); log.length = 0;
      const tell = (played) => played.then(() => log.push("played"), ({ name }) => log.push(name));
      tell(video.play()); video.src = ""; await until(video, "error");
      video.src = URL.createObjectURL(new MediaSource());
      tell(video.play()); video.src = ""; await until(video, "error"); return log.join();`,
    expected: "played,emptied,loadstart,error,AbortError,emptied,loadstart,error",
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
    name: "a seek where nothing is left to go to",
    script: `const video = make(); const buffer = await fill(video, 3); await video.play();
      await reaching(() => video.currentTime > 0.5); video.pause(); await until(video, "pause");
      buffer.remove(0, Infinity); await until(buffer, "updateend");
      const at = video.currentTime; log.length = 0; video.currentTime = 2;
      const went = [video.seeking, video.currentTime === at];
      for (const name of segments(3)) {
        buffer.appendBuffer(await segment(name)); await until(buffer, "updateend");
      }
      await video.play(); await reaching(() => video.currentTime > at + 0.3);
      return [went, log.join(), video.currentTime < 2];`,
    expected: [[false, true], "play,playing", true],
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
    name: "what has played stays played, whoever goes on",
    script: `const video = make(); await fill(video); await video.play();
      await reaching(() => video.currentTime > 0.5); video.playbackRate = 0;
      let left = 30; await reaching(() => left-- === 0); const counts = [video.played.length];
      video.playbackRate = 1; video.currentTime = 2; await until(video, "playing");
      await reaching(() => video.currentTime > 2.5); counts.push(video.played.length);
      const first = video.played.end(0) - video.played.start(0); video.src = "";
      return [counts, first > 0.4 && first < 1.5, video.played.length];`,
    expected: [[1, 2], true, 0],
  },
  {
    name: "a rate of 0 stands until it is another",
    script: `const video = make(); await fill(video); video.playbackRate = 0; await video.play();
      const at = video.currentTime; let left = 30; await reaching(() => left-- === 0);
      const stood = video.currentTime - at; video.playbackRate = 1;
      await reaching(() => video.currentTime > 0.5); return [stood, video.paused];`,
    expected: [0, false],
  },
]);
