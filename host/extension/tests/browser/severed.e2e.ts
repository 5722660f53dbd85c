/** Files that the browser cannot play on where the device does: their server does not let it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { errorsOf, onDevice } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Is sent as a whole only: the browser seeks nowhere in it. */
const WHOLE = "/whole.mp4";

let rig: BrowserRig;
/** Whether the server no longer answers. */
let expired: boolean;
let server: http.Server;
/** Answers to the browser's own element, which come to an end with the address. */
const held: http.ServerResponse[] = [];
let address: string;

before(async () => {
  rig = await BrowserRig.start();
  const file = await fs.promises.readFile(rig.fileOf(await rig.clip("mp4")));
  server = http.createServer((request, response) => {
    if (expired) return void response.writeHead(403).end();
    if (request.url === WHOLE) {
      response.writeHead(200, { "content-type": "video/mp4", "content-length": file.length });
      return void response.end(file);
    }
    const [, from = "0", to = ""] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
    const [begin, end] = [Number(from), to === "" ? file.length - 1 : Number(to)];
    const part = file.subarray(begin, end + 1);
    const range = `bytes ${begin}-${begin + part.length - 1}/${file.length}`;
    response.writeHead(206, {
      "content-type": "video/mp4",
      "accept-ranges": "bytes",
      "content-range": range,
      "content-length": part.length,
    });
    if (request.headers["sec-fetch-dest"] !== "video") return void response.end(part);
    response.write(part.subarray(0, Math.max(0, 45_000 - begin)));
    held.push(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/clip.mp4`;
});
after(async () => {
  server?.closeAllConnections();
  server?.close();
  await rig?.stop();
});

/** The device plays a video of this source. */
async function playing(source: string): Promise<{ page: Page; errors: string[] }> {
  expired = false;
  rig.status.record();
  const page = await rig.context.newPage();
  const errors = errorsOf(page);
  await page.goto(rig.url("/behaviour.html"));
  await page.evaluate(`(async () => {
    globalThis.video = make({ src: ${JSON.stringify(source)} }); await video.play();
    await reaching(() => video.currentTime > 0.5);
  })()`);
  await onDevice(rig, "the file", (items) => items.some((item) => item.flowing));
  return { page, errors };
}

async function severed(): Promise<{ page: Page; errors: string[] }> {
  const { page, errors } = await playing(address);
  expired = true;
  for (const response of held.splice(0)) response.destroy();
  return { page, errors };
}

/** Returns which one it was. */
function killStage(): number {
  const stage = rig.status.now.value.processes.find(({ role }) => role === "stage");
  assert.ok(stage);
  process.kill(stage.pid, "SIGKILL");
  return stage.pid;
}

test("an address that expires in mid-play: it plays on, and goes where the page seeks", async () => {
  const { page, errors } = await severed();
  const seen = await page.evaluate(`(async () => {
    const said = [];
    for (const to of [video.duration - 2, 1, video.duration - 3]) {
      video.currentTime = to; await until(video, "seeked");
      await reaching(() => video.currentTime > to + 0.2);
      said.push(video.readyState >= 3, video.error, video.seeking);
    }
    video.pause(); await video.play(); await until(video, "ended");
    await video.play(); await reaching(() => video.currentTime > 0.3 && video.currentTime < 2);
    return [...said, log.includes("error"), video.paused];
  })()`);
  assert.deepEqual(seen, [...Array(3).fill([true, null, false]).flat(), false, false]);
  assert.deepEqual(errors, []);
  await page.close();
});

test("an address that expires: without the device the page hears of it", async () => {
  const { page } = await severed();
  await page.evaluate(`(async () => {
    video.currentTime = video.duration - 2; await until(video, "seeked"); video.pause();
    globalThis.heard = until(video, "error");
  })()`);
  killStage();
  const seen = await page.evaluate("heard.then(() => [video.error?.code, video.paused])");
  assert.deepEqual(seen, [2, true]);
  await page.close();
});

for (const isPaused of [false, true]) {
  test(`a file without ranges goes on where it was on another stage: ${isPaused ? "paused" : "playing"}`, async () => {
    const { page, errors } = await playing(new URL(WHOLE, address).href);
    await page.evaluate(`(async () => {
      await reaching(() => video.currentTime > 1);
      if (${isPaused}) { video.pause(); await until(video, "pause"); }
      log.length = 0; globalThis.at = video.currentTime;
    })()`);
    const killed = killStage();
    await rig.status.now.until("another stage", ({ processes }) => {
      const stage = processes.find(({ role }) => role === "stage");
      return stage !== undefined && stage.pid !== killed;
    });
    const seen = await page.evaluate(`(async () => {
      let back = 0;
      const isOn = () => { back = Math.max(back, at - video.currentTime); return video.currentTime > at + 0.5; };
      if (${isPaused}) await video.play();
      // Until it hears of it the page counts on.
      else await reaching(() => log.includes("canplaythrough"));
      await reaching(isOn);
      return [back < 0.1, log.join()];
    })()`);
    assert.deepEqual(seen, [
      true,
      isPaused ? "play,playing" : "waiting,canplay,playing,canplaythrough",
    ]);
    await rig.status.now.until("pictures", ({ items }) => items.some((item) => item.flowing));
    assert.deepEqual(errors, []);
    await page.close();
  });
}
