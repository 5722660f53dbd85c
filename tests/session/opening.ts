// Why a page could not be opened: one sentence with a next step, from what the browser or the
// page's server said. No trace: nothing is wrong with the rig.

/** The page is not there to be played; the message says what to do. */
export class PageError extends Error {}

/** The browser's network errors by the end of their names, the first that fits. */
const CAUSES: [name: RegExp, cause: string][] = [
  [/^CONNECTION_REFUSED$/, "nothing listens there: start its server first"],
  [/^UNSAFE_PORT$/, "browsers refuse this port: serve the page on another one, such as 8000"],
  [/^NAME_/, "no host has this name: check the address"],
  [/^(ADDRESS|INTERNET|NETWORK)_/, "this machine has no way to that host: check the address"],
  [/TIMED_OUT$/, "the server does not answer: see whether it is stuck"],
  [/^(SSL|CERT)_/, "its certificate is not trusted here: serve the page by http"],
  [/^TOO_MANY_REDIRECTS$/, "it leads on and on to other addresses: give the last one"],
  [/^ABORTED$/, "this is a file to be saved: give a page that plays it"],
  [/^HTTP_RESPONSE_CODE_/, "its server answers with an error: check the address"],
  [/_AUTH/, "it asks for a password: serve the page without one"],
  [/^(EMPTY|INVALID|RESPONSE|CONNECTION)_/, "no web server answers there: check the port"],
  [/^BLOCKED_/, "the browser's policy forbids it: give another page"],
];

/** What Chromium's `net::ERR_…` means for the one who named the page. */
export function refusedBy(url: string, errorText: string): PageError {
  const name = errorText.replace(/^net::ERR_/, "");
  const cause = CAUSES.find(([pattern]) => pattern.test(name))?.[1];
  return cannotOpen(url, `${cause ?? "open it in a browser to see why"} (${errorText})`);
}

/** The server answered with an error, RFC 9110, section 15.5 and 15.6. */
export function refusedWith(url: string, status: number): PageError {
  const next = status < 500 ? "check the address" : "see what its log says";
  return cannotOpen(url, `its server answers ${status}: ${next}`);
}

export function unanswered(url: string, limitMs: number): PageError {
  const wait = `its server takes the connection, but has not answered within ${limitMs / 1000} s`;
  return cannotOpen(url, `${wait}: see whether it is stuck`);
}

function cannotOpen(url: string, why: string): PageError {
  return new PageError(`cannot open ${url}: ${why}`);
}
