/**
 * The page plays somewhere: what cannot be redirected, or not any more, plays in the session
 * to its end, without an error, and popup and tooltip say why.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { type ClipName, RATE } from "../../../../tests/session/clips.ts";
import { BARS } from "../../../../tests/session/picture.ts";
import { elapse } from "../../../../tests/session/wait.ts";
import { ended, errorsOf, nativeFrames, onDevice, PLAY_MS, playAll, reached } from "./media.ts";
import { BrowserRig, type RigOptions } from "./rig.ts";

/** More than a parked element decodes: it really plays in the session. */
const NATIVE_FRAMES = 40;

async function openPlayer(
  rig: BrowserRig,
  name: ClipName = "fmp4",
  player = "hls",
): Promise<{ page: Page; errors: string[] }> {
  const clip = await rig.clip(name);
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url(`/player.html?with=${player}&src=${clip}`));
  return { page, errors };
}

/** Plays on the device, and has done so for a moment. */
async function playing(
  rig: BrowserRig,
  name: ClipName = "fmp4",
  player = "hls",
): Promise<{ page: Page; errors: string[] }> {
  const opened = await openPlayer(rig, name, player);
  await playAll(opened.page);
  await onDevice(rig, "a picture on the device", (items) => items.some((item) => item.flowing));
  await reached(opened.page, 1);
  return opened;
}

/** Goes on in the session from where it was, to the end. */
async function endsInSession(page: Page, errors: string[]): Promise<void> {
  await ended(page);
  const frames = await nativeFrames(page);
  assert.ok(frames >= NATIVE_FRAMES, `${frames} pictures were decoded in the session`);
  const position = await page.evaluate(() => media[0]?.currentTime ?? 0);
  assert.ok(position > 3.9, `ended at ${position}`);
  assert.deepEqual(errors, []);
}

async function popupSays(rig: BrowserRig, page: Page, text: string): Promise<void> {
  const popup = await rig.popup(page);
  await popup.getByText(text).first().waitFor();
  await popup.getByText("In the session", { exact: true }).waitFor();
  await popup.close();
}

/** What pages do to read their media, and the reason that people are told. */
const CAPTURES: Record<string, { script: () => unknown; reason: string }> = {
  "a canvas": {
    script: () => {
      const canvas = document.createElement("canvas").getContext("2d");
      canvas?.drawImage(media[0] as HTMLVideoElement, 0, 0);
    },
    reason: "The page reads the media itself",
  },
  "a WebGL texture": {
    script: () => {
      const gl = document.createElement("canvas").getContext("webgl");
      if (!gl) throw new Error("no WebGL");
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      const video = media[0] as HTMLVideoElement;
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    },
    reason: "The page reads the media itself (WebGL)",
  },
  "a part of a WebGL texture": {
    script: () => {
      const gl = document.createElement("canvas").getContext("webgl2");
      if (!gl) throw new Error("no WebGL");
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      const { RGBA, UNSIGNED_BYTE, TEXTURE_2D } = gl;
      gl.texImage2D(TEXTURE_2D, 0, RGBA, 2000, 2000, 0, RGBA, UNSIGNED_BYTE, null);
      const video = media[0] as HTMLVideoElement;
      gl.texSubImage2D(TEXTURE_2D, 0, 0, 0, RGBA, UNSIGNED_BYTE, video);
    },
    reason: "The page reads the media itself (WebGL)",
  },
  "an ImageBitmap": {
    script: () => createImageBitmap(media[0] as HTMLVideoElement).then((bitmap) => bitmap.close()),
    reason: "The page reads the media itself",
  },
  "a stream": {
    script: () => {
      (media[0] as HTMLMediaElement & { captureStream(): MediaStream }).captureStream();
    },
    reason: "The page reads the media itself",
  },
  "an audio graph": {
    script: () => {
      const context = new AudioContext();
      context.createMediaElementSource(media[0] as HTMLMediaElement).connect(context.destination);
    },
    reason: "The page reads the media itself",
  },
  "a rotation": {
    script: () => {
      const parent = media[0]?.parentElement;
      if (parent) parent.style.transform = "rotate(10deg)";
    },
    reason: "The page shows the video turned",
  },
  "a filter": {
    script: () => media[0]?.parentElement?.style.setProperty("filter", "grayscale(1)"),
    reason: "The page shows the video with an effect",
  },
  "a shape": {
    script: () => media[0]?.style.setProperty("clip-path", "circle(40%)"),
    reason: "The page shows the video with an effect",
  },
  "a part of the picture": {
    script: () => media[0]?.style.setProperty("object-view-box", "inset(0 50% 50% 0)"),
    reason: "The page shows the video with an effect",
  },
  "transparency that stays": {
    script: () => media[0]?.parentElement?.style.setProperty("opacity", "0.5"),
    reason: "The page shows the video with an effect",
  },
  "media keys": {
    script: async () => {
      const access = await navigator.requestMediaKeySystemAccess("org.w3.clearkey", [
        { videoCapabilities: [{ contentType: 'video/mp4; codecs="avc1.4d401e"' }] },
      ]);
      await media[0]?.setMediaKeys(await access.createMediaKeys());
    },
    reason: "The media is protected (encrypted).",
  },
};

let rig: BrowserRig;
before(async () => {
  // Chromium has WebGL without a GPU only where it is asked for.
  rig = await BrowserRig.start({ switches: ["--enable-unsafe-swiftshader"] });
});
after(() => rig?.stop());

for (const [what, { script, reason }] of Object.entries(CAPTURES)) {
  test(`${what} takes the video back into the session`, async () => {
    const { page, errors } = await playing(rig);
    await page.evaluate(script);
    await endsInSession(page, errors);
    await popupSays(rig, page, reason);
    assert.match(await rig.tooltip(page), new RegExp(`^Nearside: Loaded\n${reason.slice(0, 20)}`));
    await page.close();
  });
}

test("a video in another window plays in the session", async () => {
  const { page, errors } = await playing(rig);
  await page.evaluate(async () => {
    const { documentPictureInPicture: pictures } = window as unknown as {
      documentPictureInPicture: { requestWindow(): Promise<Window> };
    };
    const other = await pictures.requestWindow();
    other.document.body.append(media[0] as HTMLVideoElement);
    await media[0]?.play();
  });
  await ended(page);
  await popupSays(rig, page, "The video is shown picture-in-picture.");
  assert.deepEqual(errors, []);
  await page.close();
});

test("a canvas gets the picture and not what stands in its place", async () => {
  const { page } = await playing(rig);
  const corner = () =>
    page.evaluate(() => {
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 360;
      const context = canvas.getContext("2d");
      context?.drawImage(media[0] as HTMLVideoElement, 0, 0);
      return [...(context?.getImageData(8, 8, 1, 1).data ?? [])].slice(0, 3);
    });
  const isClear = (rgb: number[]) => Math.max(...rgb) - Math.min(...rgb) > 128;
  const first = await corner();
  assert.ok(isClear(first), `a corner of a pure colour is ${first}`);
  await page.close();
});

/** How a page reads the pictures of the clips, which say their number in bars, white for 1. */
const READINGS: readonly (readonly [string, ClipName, string, string])[] = [
  ["a canvas", "fmp4", "hls", "context.drawImage(media[0], 0, 0)"],
  ["a canvas", "mp4", "file", "context.drawImage(media[0], 0, 0)"],
  ["a VideoFrame", "fmp4", "hls", "context.drawImage(new VideoFrame(media[0]), 0, 0)"],
  ["an ImageBitmap", "fmp4", "hls", "context.drawImage(await createImageBitmap(media[0]), 0, 0)"],
];

for (const [name, clip, player, script] of READINGS) {
  test(`the first picture of ${player} for ${name} is the one of its time`, async () => {
    const { page } = await playing(rig, clip, player);
    await reached(page, 2);
    const [time, bars] = await page.evaluate<[number, boolean[]]>(`(async () => {
      const context = document.createElement("canvas").getContext("2d");
      [context.canvas.width, context.canvas.height] = [640, 360];
      const time = media[0].currentTime;
      ${script};
      const isWhite = (x, y) => context.getImageData(x, y, 1, 1).data[1] > 128;
      const { x, y, width, height, count } = ${JSON.stringify(BARS)};
      const bar = (width * 640) / count;
      const middle = (bit) => Math.round(x * 640 + (bit + 0.5) * bar);
      const at = Math.round((y + height / 2) * 360);
      return [time, Array.from({ length: count }, (_, bit) => isWhite(middle(bit), at))];
    })()`);
    const number = bars.reduce((sum, isSet, bit) => sum + (isSet ? 2 ** bit : 0), 0);
    assert.ok(Math.abs(number / RATE - time) < 0.1, `picture ${number} at ${time} s`);
    await page.close();
  });
}

test("a file that only the browser has plays in the session, and the popup says why", async () => {
  const clip = await rig.clip("mp4");
  const page = await rig.open("/plain.html");
  await page.evaluate(async (clip) => {
    const video = document.createElement("video");
    video.src = URL.createObjectURL(await (await fetch(clip)).blob());
    video.muted = true;
    document.body.append(video);
    await video.play();
  }, clip);
  await popupSays(rig, page, "The media exists only inside this browser.");
  await page.close();
});

test("a part of a file ends where the page's address says", async () => {
  const clip = await rig.clip("mp4");
  const page = await rig.open("/plain.html");
  const end = await page.evaluate(async (clip) => {
    const video = document.createElement("video");
    video.src = `${clip}#t=0.5,1.5`;
    video.muted = true;
    document.body.append(video);
    await video.play();
    await new Promise((resolve) => video.addEventListener("pause", resolve, { once: true }));
    return video.currentTime;
  }, clip);
  assert.ok(Math.abs(end - 1.5) < 0.3, `it stops at ${end}`);
  await popupSays(rig, page, "The page plays only a part of the file.");
  await page.close();
});

async function withRig(options: RigOptions, body: (rig: BrowserRig) => Promise<void>) {
  const own = await BrowserRig.start(options);
  try {
    await body(own);
  } finally {
    await own.stop();
  }
}

const FAULTS: Record<string, (own: BrowserRig) => Promise<void>> = {
  "the agent is killed": async (own) => own.agent.signal("SIGKILL"),
  "the host is killed": async (own) => {
    for (const pid of own.hosts()) process.kill(pid, "SIGKILL");
  },
  "the extension is loaded anew": async (own) => {
    const worker = await own.worker();
    await worker.evaluate(() => chrome.runtime.reload()).catch(() => {});
  },
};

for (const [what, fault] of Object.entries(FAULTS)) {
  test(`${what} while it plays`, async () => {
    await withRig({}, async (own) => {
      const { page, errors } = await playing(own);
      await fault(own);
      await endsInSession(page, errors);
    });
  });
}

test("the service worker is ended while it plays, and new pages come to the device", async () => {
  await withRig({}, async (own) => {
    const { page, errors } = await playing(own);
    const relays = own.relays();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("ServiceWorker.enable");
    await devtools.send("ServiceWorker.stopAllWorkers");
    const end = Date.now() + PLAY_MS;
    while (!own.relays().some((pid) => !relays.includes(pid))) {
      assert.ok(Date.now() < end, "the worker was not ended");
      await elapse(50);
    }
    await endsInSession(page, errors);
    await (await playing(own)).page.close();
  });
});

test("a host that was killed is started again and used for new pages", async () => {
  await withRig({}, async (own) => {
    const { page, errors } = await playing(own);
    for (const pid of own.hosts()) process.kill(pid, "SIGKILL");
    await endsInSession(page, errors);
    await (await playing(own)).page.close();
  });
});

for (const paused of [false, true]) {
  const what = paused ? "a paused page" : "a page that plays";
  test(`a host that stands still, and goes on: ${what}`, async () => {
    await withRig({}, async (own) => {
      const { page, errors } = await playing(own, "long");
      const before = await nativeFrames(page);
      if (paused) await page.evaluate(() => media[0]?.pause());
      const hosts = own.hosts();
      for (const pid of hosts) process.kill(pid, "SIGSTOP");
      try {
        if (paused) await page.evaluate(() => void media[0]?.play());
        const position = await page.evaluate(() => media[0]?.currentTime ?? 0);
        await reached(page, position + 4);
        assert.ok((await nativeFrames(page)) - before > NATIVE_FRAMES);
        own.status.record();
      } finally {
        for (const pid of hosts) process.kill(pid, "SIGCONT");
      }
      await onDevice(own, "pictures on the device", (items) => items.some((item) => item.flowing));
      assert.deepEqual(errors, []);
    });
  });
}

test("a relay that stands still: browser and device do not both play, and it comes back", async () => {
  await withRig({}, async (own) => {
    const { page, errors } = await playing(own, "long");
    const before = await nativeFrames(page);
    const relays = own.relays();
    assert.notEqual(relays.length, 0);
    for (const pid of relays) process.kill(pid, "SIGSTOP");
    try {
      await own.status.now.until("nothing on the device", ({ items }) => items.length === 0);
      assert.ok((await nativeFrames(page)) - before > NATIVE_FRAMES);
      own.status.record();
    } finally {
      for (const pid of relays) process.kill(pid, "SIGCONT");
    }
    await onDevice(own, "pictures on the device", (items) => items.some((item) => item.flowing));
    assert.deepEqual(errors, []);
  });
});

test("an agent that comes later is used for new pages", async () => {
  await withRig({ agent: false }, async (own) => {
    const clip = await own.clip("fmp4");
    const page = await own.open(`/player.html?with=hls&src=${clip}`);
    const errors = errorsOf(page);
    await playAll(page);
    await endsInSession(page, errors);
    assert.match(await own.tooltip(page), /Not loaded\nNo Nearside client is connected/);
    await own.startAgent();
    await own.status.now.until("the session", ({ session }) => session !== null);
    const later = await playing(own);
    await ended(later.page);
    assert.ok((await nativeFrames(later.page)) < NATIVE_FRAMES);
  });
});

test("without nearside-host pages play as ever", async () => {
  await withRig({ host: false, agent: false }, async (own) => {
    const clip = await own.clip("fmp4");
    const page = await own.open(`/player.html?with=hls&src=${clip}`);
    const errors = errorsOf(page);
    await playAll(page);
    await endsInSession(page, errors);
    assert.match(
      await own.tooltip(page),
      /Failed to load correctly\nnearside-host is not installed/,
    );
  });
});

test("a site that is not listed plays in the session", async () => {
  await withRig({ settings: { video_all_sites: false } }, async (own) => {
    const { page, errors } = await openPlayer(own);
    await playAll(page);
    await endsInSession(page, errors);
    assert.match(await own.tooltip(page), /Not loaded\nThis site is not on the list/);
    const popup = await own.popup(page);
    const item = popup.getByRole("listitem").filter({ hasText: "In the session" });
    await item.filter({ hasText: "This site is not on the list of video sites." }).waitFor();
    await own.status.now.until("nothing on the device", ({ items }) => items.length === 0, PLAY_MS);
  });
});
