/**
 * What lies over the pictures of a page and is no window of its own: this extension's popup
 * and the browser's dialogs, which Chromium draws into its own window. Neither the page nor
 * the session's X server knows of them. Pure; one for each page.
 */
import { type Layout, MAX_COVERED, type Rect } from "../generated/messages.js";

export class Shade {
  /** Popups, in pixels of the remote desktop. */
  #covered: readonly Rect[] = [];
  /** Frames whose scripts stand still for a dialog. */
  readonly #dialogs = new Set<object>();

  /** Whether something has changed. */
  cover(covered: readonly Rect[]): boolean {
    const isNew = JSON.stringify(covered) !== JSON.stringify(this.#covered);
    this.#covered = covered;
    return isNew;
  }

  dialog(frame: object, open: boolean): boolean {
    const had = this.#dialogs.has(frame);
    if (open) this.#dialogs.add(frame);
    else this.#dialogs.delete(frame);
    return had !== open;
  }

  /** What the device is told of a picture that the page has at `layout`. */
  over(layout: Layout): Layout {
    const covered = [...this.#covered, ...layout.covered].slice(0, MAX_COVERED);
    // Nobody knows where a dialog is, and nobody can answer one that is hidden.
    return { ...layout, covered, visible: layout.visible && this.#dialogs.size === 0 };
  }
}
