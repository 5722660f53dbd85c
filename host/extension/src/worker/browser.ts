/** What the browser says of itself, for the host's greeting. */

/** Not in TypeScript's library: https://wicg.github.io/ua-client-hints/ */
interface UserAgentData {
  readonly brands: readonly { readonly brand: string; readonly version: string }[];
}

/** E.g. `Chromium 156`. */
export function browserName(): string {
  const { userAgentData } = navigator as { userAgentData?: UserAgentData };
  const brands = (userAgentData?.brands ?? []).filter(({ brand }) => !/not.a.brand/i.test(brand));
  const named = brands.find(({ brand }) => brand !== "Chromium") ?? brands[0];
  return named ? `${named.brand} ${named.version}` : "unknown";
}
