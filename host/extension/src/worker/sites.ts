/**
 * Which sites are redirected: the list that is shipped, the lists of the administrator, and
 * how a URL is compared with them.
 *
 * A site is a host name and at most one folder. A shipped site covers its subdomains; one
 * that an administrator wrote is exactly that host, with or without `www.` in the URL.
 * Ports and queries never count. Pure: no browser API.
 */
import shipped from "./sites.json";

export interface Site {
  readonly host: string;
  /** Without slashes; empty: the whole host. */
  readonly folder: string;
  readonly subdomains: boolean;
}

/** A list as an administrator wrote it: what holds, and what was refused and why. */
export interface ManagedSites {
  readonly sites: readonly Site[];
  /** One sentence an entry, for the popup and the log. */
  readonly refused: readonly string[];
}

/** Longest managed list in characters, most entries, and most characters of a name. */
const MAX_LIST = 64 * 1024;
const MAX_ENTRIES = 1024;
const MAX_HOST = 253;

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const FOLDER = /^[A-Za-z0-9._~!$&'()*+,=:@%-]+$/;

type Shipped = readonly { readonly name: string; readonly sites: readonly string[] }[];

function shippedSites(list: Shipped): readonly Site[] {
  return list.flatMap(({ sites }) =>
    sites.map((site) => {
      const [host = "", folder = ""] = site.split("/");
      return { host, folder, subdomains: true };
    }),
  );
}

/** The sites whose videos are redirected by default. */
export const VIDEO_SITES: readonly Site[] = shippedSites(shipped.video);

/** The sites whose calls are redirected by default. */
export const CALL_SITES: readonly Site[] = shippedSites(shipped.call);

function matchesHost({ host, subdomains }: Site, candidate: string): boolean {
  if (candidate === host || candidate === `www.${host}`) return true;
  return subdomains && candidate.endsWith(`.${host}`);
}

/** Whether `url` (a page's address) belongs to one of `sites`. Anything unreadable does not. */
export function isListed(sites: readonly Site[], url: string): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false;
  const host = parsed.hostname.replace(/\.$/, "");
  const folder = parsed.pathname.split("/")[1] ?? "";
  return sites.some(
    (site) => matchesHost(site, host) && (site.folder === "" || site.folder === folder),
  );
}

/** One entry of a managed list, or the sentence that says what is wrong with it. */
function parseEntry(entry: string): Site | string {
  const quoted = `"${entry.length > 80 ? `${entry.slice(0, 79)}…` : entry}"`;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(entry)) return `${quoted}: leave out the scheme (https://).`;
  if (entry.endsWith("/")) return `${quoted}: leave out the slash at the end.`;
  const [rawHost = "", ...folders] = entry.split("/");
  const host = rawHost.toLowerCase();
  if (host.startsWith("www.")) return `${quoted}: leave out "www.", it is covered.`;
  if (folders.length > 1) return `${quoted}: at most one folder may follow the host name.`;
  if (host.length > MAX_HOST || !host.split(".").every((label) => LABEL.test(label))) {
    return `${quoted}: not a full host name.`;
  }
  const [folder = ""] = folders;
  if (folder !== "" && !FOLDER.test(folder)) return `${quoted}: not a folder.`;
  return { host, folder, subdomains: false };
}

/**
 * Reads `AllowedCallRedirectionSites` or `AllowedVideoRedirectionSites`: entries separated
 * by `;`. `null`: not configured, which is not the same as an empty list.
 */
export function parseManagedSites(value: unknown): ManagedSites | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") return { sites: [], refused: ["The list is not a text."] };
  if (value.length > MAX_LIST) return { sites: [], refused: ["The list is too long."] };
  const entries = value.split(";").map((entry) => entry.trim());
  const sites: Site[] = [];
  const refused: string[] = [];
  for (const entry of entries.filter((entry) => entry !== "").slice(0, MAX_ENTRIES)) {
    const parsed = parseEntry(entry);
    if (typeof parsed === "string") refused.push(parsed);
    else sites.push(parsed);
  }
  if (entries.length > MAX_ENTRIES) refused.push(`Only the first ${MAX_ENTRIES} entries count.`);
  return { sites, refused };
}
