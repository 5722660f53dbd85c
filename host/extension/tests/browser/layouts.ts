/**
 * What a frame's content script says of its videos' place: overheard in its own world, where it
 * compares each layout with the last one as text.
 */
import type { CDPSession, Frame, Page } from "playwright-core";
import { STEP_MS } from "../../../../tests/session/wait.ts";
import { EXTENSION_ID } from "../../src/common/identity.js";
import type { Layout, Rect } from "../../src/generated/messages.js";

/** Runs there. */
const OVERHEAR = `{
  const stringify = JSON.stringify;
  JSON.stringify = (value, ...more) => {
    if (value && typeof value === "object" && "control_bar" in value) globalThis.said = value;
    return stringify(value, ...more);
  };
}`;

export class Layouts {
  readonly #session: CDPSession;
  readonly #context: number;

  private constructor(session: CDPSession, context: number) {
    this.#session = session;
    this.#context = context;
  }

  /**
   * Of a page's own document, or of the one at `url` among the frames in `target`, which is the
   * page, or the first frame of another process in it.
   */
  static async of(page: Page, target: Page | Frame = page, url = target.url()): Promise<Layouts> {
    const devtools = await page.context().newCDPSession(target);
    const { frameTree } = await devtools.send("Page.getFrameTree");
    const trees = [frameTree];
    for (const tree of trees) trees.push(...(tree.childFrames ?? []));
    const id = trees.find((tree) => tree.frame.url === url)?.frame.id;
    const found = new Promise<number>((resolve) => {
      devtools.on("Runtime.executionContextCreated", ({ context }) => {
        const isOurs = context.origin === `chrome-extension://${EXTENSION_ID}`;
        if (isOurs && context.auxData?.["frameId"] === id) resolve(context.id);
      });
    });
    await devtools.send("Runtime.enable");
    const layouts = new Layouts(devtools, await found);
    await layouts.evaluate(OVERHEAR);
    return layouts;
  }

  /** Runs a script in the content script's world. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#session.send("Runtime.evaluate", {
      contextId: this.#context,
      expression,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }

  get last(): Promise<Layout | null> {
    return this.evaluate("globalThis.said ?? null") as Promise<Layout | null>;
  }

  /** Waits until it says what `holds`. */
  async until(what: string, holds: (layout: Layout) => boolean): Promise<Layout> {
    const deadline = Date.now() + STEP_MS;
    for (;;) {
      const layout = await this.last;
      if (layout && holds(layout)) return layout;
      if (Date.now() > deadline) throw new Error(`${what}: ${JSON.stringify(layout)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What of `layout` is seen at a point, in pixels from the picture's edge at the top left. */
export function isSeen({ rect, clip, covered, visible }: Layout, x: number, y: number): boolean {
  const holds = (box: Rect) =>
    box.x <= rect.x + x &&
    rect.x + x < box.x + box.width &&
    box.y <= rect.y + y &&
    rect.y + y < box.y + box.height;
  return visible && holds(clip) && !covered.some(holds);
}
