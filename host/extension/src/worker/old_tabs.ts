/**
 * Which tabs show a page that was loaded before the extension came: its scripts are not in
 * there, so nothing can be redirected until the page is loaded again. Asked once, right after
 * the extension was installed or updated.
 *
 * A page is old only when it is loaded and its top frame does not answer. A tab that loads, or
 * that goes elsewhere in the meantime, is asked again, because then the answer may come late.
 */
import { PRESENT } from "../frame_protocol.js";

/** Calls `mark` for each old tab, and `unmark` if that turned out to be wrong. */
export async function forOldTabs(
  mark: (tab: number) => Promise<void>,
  unmark: (tab: number) => Promise<void>,
): Promise<void> {
  const tabs = await chrome.tabs.query({ url: ["http://*/*", "https://*/*"] });
  await Promise.all(
    tabs.map(async ({ id, discarded }) => {
      // A tab that was put aside loads its page again when it is looked at.
      if (id === undefined || discarded || !(await isOld(id))) return;
      await mark(id);
      if (!(await isOld(id))) await unmark(id);
    }),
  );
}

async function isOld(tab: number): Promise<boolean> {
  if (await answers(tab)) return false;
  if (!(await isLoaded(tab))) return false;
  return !(await answers(tab));
}

function answers(tab: number): Promise<boolean> {
  return chrome.tabs.sendMessage(tab, PRESENT, { frameId: 0 }).then(
    (answer) => answer === true,
    () => false,
  );
}

/** Kept when the tab's page is loaded; `false` if the tab was closed before. */
function isLoaded(tab: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (loaded: boolean) => {
      chrome.tabs.onUpdated.removeListener(updated);
      chrome.tabs.onRemoved.removeListener(removed);
      resolve(loaded);
    };
    const updated = (id: number, { status }: { status?: string }) => {
      if (id === tab && status === "complete") done(true);
    };
    const removed = (id: number) => {
      if (id === tab) done(false);
    };
    chrome.tabs.onUpdated.addListener(updated);
    chrome.tabs.onRemoved.addListener(removed);
    chrome.tabs.get(tab).then(
      ({ status }) => {
        if (status === "complete") done(true);
      },
      () => done(false),
    );
  });
}
