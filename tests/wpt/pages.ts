// Which test pages a folder of web-platform-tests holds, and how each is opened.
//
// A page is a document that loads testharness.js, or the wrapper of a `.window.js` or `.any.js`
// file (served by server.ts); with variants it is several. Tests by hand, by comparing pictures
// and in workers without a document of their own are none. File names and `META` lines:
// https://web-platform-tests.org/writing-tests/testharness.html

import * as fs from "node:fs";
import * as path from "node:path";

export interface TestPage {
  /** Path on the server, with the variant's query. */
  readonly address: string;
  /** The test has asked for six times the usual time. */
  readonly long: boolean;
}

/** Folders that hold parts of tests. */
const PARTS = new Set(["resources", "support", "tools"]);
const DOCUMENT = /\.(x?html|htm)$/;
const SCRIPT = /\.(window|any)\.js$/;
const BY_HAND = /-(manual|ref|crash)\.|\.(ref|crash)\./;

/** The pages below `folder` of the checkout `root` whose address holds `filter`, in order. */
export function findPages(root: string, folder: string, filter: string): TestPage[] {
  const found: TestPage[] = [];
  const start = path.join(root, folder);
  for (const name of fs.readdirSync(start, { recursive: true, encoding: "utf8" }).sort()) {
    const parts = name.split(path.sep);
    const isPart = parts.slice(0, -1).some((part) => PARTS.has(part));
    const file = path.join(start, name);
    if (isPart || BY_HAND.test(name) || !(DOCUMENT.test(name) || SCRIPT.test(name))) continue;
    if (!fs.statSync(file).isFile()) continue;
    const text = fs.readFileSync(file, "utf8");
    const address = `/${[...folder.split("/"), ...parts].filter(Boolean).join("/")}`;
    found.push(...(DOCUMENT.test(name) ? documents(address, text) : scripts(address, text)));
  }
  return found.filter((page) => page.address.includes(filter));
}

function documents(address: string, text: string): TestPage[] {
  if (!text.includes("/resources/testharness.js")) return [];
  const long = /<meta\s+name=["']?timeout["']?\s+content=["']?long/i.test(text);
  const variant = /<meta\s+name=["']?variant["']?\s+content=["']?([^"'>\s]*)/gi;
  return withVariants(address, [...text.matchAll(variant)], long);
}

function scripts(address: string, text: string): TestPage[] {
  const long = metas(text, "timeout").includes("long");
  const variants = [...text.matchAll(/^\/\/ META: variant=(.*)$/gm)];
  return withVariants(address.replace(/\.js$/, ".html"), variants, long);
}

function withVariants(address: string, variants: RegExpExecArray[], long: boolean): TestPage[] {
  if (variants.length === 0) return [{ address, long }];
  return variants.map((variant) => ({ address: `${address}${variant[1] ?? ""}`.trim(), long }));
}

/** The values of `// META: key=value` lines. */
export function metas(text: string, key: string): string[] {
  const lines = text.matchAll(/^\/\/ META: ([a-z]+)=(.*)$/gm);
  return [...lines].filter((line) => line[1] === key).map((line) => (line[2] ?? "").trim());
}
