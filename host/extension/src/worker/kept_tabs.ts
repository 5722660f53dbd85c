/** Keeps the browser from discarding tabs for which the device plays, as it keeps those heard. */
export class KeptTabs {
  readonly #kept = new Set<number>();

  look(tab: number, plays: boolean): void {
    if (plays === this.#kept.has(tab)) return;
    if (plays) this.#kept.add(tab);
    else this.#kept.delete(tab);
    void this.#set(tab, plays);
  }

  async #set(tab: number, plays: boolean): Promise<void> {
    try {
      const { autoDiscardable } = await chrome.tabs.get(tab);
      // Somebody else's wish, which is not ours to end.
      if (plays && !autoDiscardable) this.#kept.delete(tab);
      else await chrome.tabs.update(tab, { autoDiscardable: !plays });
    } catch {
      // The tab was closed meanwhile.
      this.#kept.delete(tab);
    }
  }
}
