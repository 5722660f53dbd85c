/**
 * The icon of each tab. The browser forgets it by itself when the tab shows another document.
 */
import type { TabStatus } from "./view.js";
import { tooltip } from "./view.js";

const SIZES = [16, 32, 48] as const;

export class Icons {
  /** What each tab shows, so that the browser is told changes only. */
  readonly #shown = new Map<number, string>();

  async show(tab: number, status: TabStatus, warning: string | null = null): Promise<void> {
    const title = tooltip(status, warning);
    const shown = `${status.indicator}\n${title}`;
    if (this.#shown.get(tab) === shown) return;
    this.#shown.set(tab, shown);
    const path = Object.fromEntries(
      SIZES.map((size) => [size, `icons/${status.indicator}-${size}.png`]),
    );
    try {
      await Promise.all([
        chrome.action.setIcon({ tabId: tab, path }),
        chrome.action.setTitle({ tabId: tab, title }),
      ]);
    } catch {
      // The tab was closed meanwhile.
      this.#shown.delete(tab);
    }
  }

  /** Shows again what a tab shows of which nothing is known. */
  async reset(tab: number): Promise<void> {
    await this.show(tab, { indicator: "not-loaded", headline: "Not loaded", explanation: null });
    this.#shown.delete(tab);
  }

  /** The tab has another document, or is gone. */
  forget(tab: number): void {
    this.#shown.delete(tab);
  }
}
