/** The document's address as far as lists of sites know it: the origin and the first folder. */

/** Longer folders are on no list. */
const MAX_FOLDER = 256;

function address(): string {
  const folder = location.pathname.split("/")[1] ?? "";
  return `${location.origin}/${folder.slice(0, MAX_FOLDER)}`;
}

/** Tells when scripts of the page, or the user in its history, have changed it. */
export function onMoved(tell: (url: string) => void): void {
  let last = address();
  navigation.addEventListener("currententrychange", () => {
    const now = address();
    if (now === last) return;
    last = now;
    tell(now);
  });
}
