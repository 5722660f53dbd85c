// Serves a checkout of web-platform-tests on the loopback interface, as far as tests of media
// need its server: files with byte ranges, `.headers` files, `.sub.` substitutions, documents for
// `.window.js` and `.any.js` files. Python handlers are not run: 501.
//
// In place of resources/testharnessreport.js pages get one that posts the results back here, and
// that holds the rest of the page until it is redirected (`ready`): a page that is done before its
// tab has a device would only show the browser twice.
// https://web-platform-tests.org/writing-tests/server-features.html

import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { serveFile } from "../session/server.ts";
import { metas } from "./pages.ts";

/** Names of testharness.js' numbers. */
const STATUS = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
const HARNESS = ["OK", "ERROR", "TIMEOUT", "PRECONDITION_FAILED"];
/** Longest message that is kept of a failed test, in characters. */
const MAX_MESSAGE = 400;
/** Longest report of a page, in bytes. */
const MAX_REPORT = 16 * 1024 * 1024;

export interface Outcome {
  readonly status: string;
  readonly message: string;
}

export interface Results {
  /** OK, ERROR, TIMEOUT, PRECONDITION_FAILED; or CRASH, or NONE: nothing came in time. */
  readonly harness: string;
  readonly tests: ReadonlyMap<string, Outcome>;
}

export class TestServer {
  readonly #root: string;
  readonly #timeouts: number;
  readonly #server: http.Server;
  #take: (results: Results) => void = () => {};
  #ready: Promise<void> = Promise.resolve();

  private constructor(root: string, timeouts: number) {
    this.#root = root;
    this.#timeouts = timeouts;
    this.#server = http.createServer((request, response) => {
      try {
        this.#answer(request, response);
      } catch {
        end(response, 500);
      }
    });
  }

  /** `timeouts`: how many times as long as usual a test may take. */
  static async start(root: string, timeouts: number): Promise<TestServer> {
    const server = new TestServer(root, timeouts);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  url(address: string): string {
    return `http://127.0.0.1:${this.#port}${address}`;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the next page reports; it begins when it is `ready`. One page at a time. */
  results(ready: Promise<void>): Promise<Results> {
    this.#ready = ready;
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const name = decodeURIComponent(url.pathname);
    if (name === "/resources/testharnessreport.js")
      return script(response, reporter(this.#timeouts));
    if (name === REPORT && request.method === "POST") return this.#report(request, response);
    if (name === READY) return void this.#ready.then(() => script(response, READY_SCRIPT));
    if (name.endsWith(".py")) return end(response, 501);
    const file = path.resolve(this.#root, `.${name}`);
    if (!file.startsWith(this.#root + path.sep)) return end(response, 404);
    const source = file.replace(/\.html$/, ".js");
    if (/\.(window|any)\.html$/.test(file) && fs.existsSync(source)) {
      const text = fs.readFileSync(source, "utf8");
      return document(response, wrapper(name.replace(/\.html$/, ".js"), text));
    }
    if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return end(response, 404);
    if (/\.sub\.html$/.test(file)) {
      return document(response, this.#substituted(fs.readFileSync(file, "utf8"), url));
    }
    for (const [key, value] of headersOf(file)) response.setHeader(key, value);
    serveFile(file, request, response);
  }

  #report(request: http.IncomingMessage, response: http.ServerResponse): void {
    const take = this.#take;
    const pieces: Buffer[] = [];
    let size = 0;
    request.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > MAX_REPORT) request.destroy();
      pieces.push(piece);
    });
    request.on("end", () => {
      end(response, 204);
      take(readReport(Buffer.concat(pieces).toString("utf8")));
    });
  }

  /** `{{host}}` and its like; other machines are this one by another name. */
  #substituted(text: string, url: URL): string {
    return text.replaceAll(/\{\{([^}]*)\}\}/g, (_, what: string) => {
      if (what === "host" || what === "location[hostname]") return "127.0.0.1";
      if (/^(domains|hosts)\[/.test(what)) return "localhost";
      if (/^(ports\[|location\[port\])/.test(what)) return `${this.#port}`;
      if (what === "location[scheme]") return "http";
      if (what === "location[host]") return `127.0.0.1:${this.#port}`;
      const key = /^GET\[(.*)\]$/.exec(what)?.[1];
      return key === undefined ? "" : (url.searchParams.get(key) ?? "");
    });
  }
}

const REPORT = "/nearside/results";
const READY = "/nearside/ready.js";

/**
 * A video that is not in the document and gets no data makes the page one with media; a script
 * that comes late is what a parser waits for.
 */
function reporter(timeouts: number): string {
  return `setup({ output: false, timeout_multiplier: ${timeouts} });
if (window === window.top) {
  const post = window.fetch.bind(window);
  const text = JSON.stringify.bind(JSON);
  add_completion_callback((tests, harness) => {
    const list = tests.map(({ name, status, message }) => [name, status, message ?? ""]);
    post("${REPORT}", { method: "POST", body: text([harness.status, list]) });
  });
  if (document.contentType === "text/html") {
    window.nearsideFirst = document.createElement("video");
    window.nearsideFirst.src = URL.createObjectURL(new MediaSource());
    document.write('<script src="${READY}"></' + "script>");
  }
}
`;
}

const READY_SCRIPT = `{
  const { nearsideFirst: video } = window;
  delete window.nearsideFirst;
  video.removeAttribute("src");
  video.load();
}
`;

function readReport(text: string): Results {
  const [harness, list] = JSON.parse(text) as [number, [string, number, string][]];
  const tests = new Map<string, Outcome>();
  for (const [name, status, message] of list) {
    let key = name;
    // Only some of the older tests have names twice.
    for (let count = 2; tests.has(key); count += 1) key = `${name} (${count})`;
    const short = message.slice(0, MAX_MESSAGE);
    tests.set(key, { status: STATUS[status] ?? "UNKNOWN", message: short });
  }
  return { harness: HARNESS[harness] ?? "UNKNOWN", tests };
}

function wrapper(address: string, text: string): string {
  const more = metas(text, "script").map((source) => `<script src="${source}"></script>`);
  return `<!doctype html>
<meta charset="utf-8">
<script>
self.GLOBAL = { isWindow: () => true, isWorker: () => false, isShadowRealm: () => false };
</script>
<script src="/resources/testharness.js"></script>
<script src="/resources/testharnessreport.js"></script>
${more.join("\n")}
<div id="log"></div>
<script src="${address}"></script>
`;
}

/** `Name: value` lines of the file beside it. */
function headersOf(file: string): [string, string][] {
  const beside = `${file}.headers`;
  if (!fs.existsSync(beside)) return [];
  const lines = fs.readFileSync(beside, "utf8").split("\n");
  return lines.flatMap((line) => {
    const at = line.indexOf(":");
    return at < 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const];
  }) as [string, string][];
}

function document(response: http.ServerResponse, text: string): void {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(text);
}

function script(response: http.ServerResponse, text: string): void {
  response.setHeader("Content-Type", "text/javascript; charset=utf-8");
  response.end(text);
}

function end(response: http.ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status);
  response.end();
}
