/**
 * A page with scripts of a test's own in a browser with a device: how it goes there, and that it
 * goes as in the browser itself.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { errorsOf, nativeFrames, PLAY_MS } from "./media.ts";
import { BrowserRig } from "./rig.ts";

/** Pictures that parked elements decode: some for each place they are parked at. */
const PARKED_FRAMES = 40;

/** What a page does, and what Chromium without the extension answers. */
export interface Case {
  name: string;
  script: string;
  expected: unknown;
}

export class Bench {
  #rig: BrowserRig | undefined;
  #clip = "";

  /** Starts before the tests of this file and ends after them. */
  constructor() {
    before(async () => {
      this.#rig = await BrowserRig.start();
      await this.#rig.worker();
      this.#clip = path.posix.dirname(await this.#rig.clip("fmp4"));
    });
    after(() => this.#rig?.stop());
  }

  get rig(): BrowserRig {
    assert.ok(this.#rig, "the browser has been started");
    return this.#rig;
  }

  async open(): Promise<{ page: Page; errors: string[] }> {
    const page = await this.rig.context.newPage();
    const errors = errorsOf(page);
    await page.goto(this.rig.url(`/behaviour.html?clip=${this.#clip}`));
    return { page, errors };
  }

  /** Waits until the device plays the page's video: its own element stands still. */
  async onDevice(page: Page): Promise<void> {
    const isShown = ({ items }: { items: { flowing: boolean }[] }) =>
      items.some((it) => it.flowing);
    await this.rig.status.now.until("a picture on the device", isShown, PLAY_MS);
    await isParked(page);
  }

  /** A test for each case. */
  compare(cases: readonly Case[]): void {
    for (const { name, script, expected } of cases) {
      test(`as the browser's own: ${name}`, async () => {
        const { page, errors } = await this.open();
        assert.deepEqual(await run(page, script), expected);
        assert.deepEqual(errors, []);
        await isParked(page);
        await page.close();
      });
    }
  }
}

async function isParked(page: Page): Promise<void> {
  assert.ok((await nativeFrames(page)) <= PARKED_FRAMES, "the browser's element is parked");
}

/** Runs a script in the page as its own would run: without a gesture of the user. */
export async function run(page: Page, script: string): Promise<unknown> {
  const devtools = await page.context().newCDPSession(page);
  const { result, exceptionDetails } = await devtools.send("Runtime.evaluate", {
    expression: `(async () => { ${script} })()`,
    awaitPromise: true,
    returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
  return result.value;
}
