// Pages and media on the loopback interface: files with byte ranges (RFC 9110, section 14), their
// types, and access from any origin, as media servers have it; and a playlist that grows.

import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".htm": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".vtt": "text/vtt; charset=utf-8",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mpd": "application/dash+xml",
  ".ts": "video/mp2t",
  ".m4s": "video/iso.segment",
  ".mp4": "video/mp4",
  ".m4v": "video/mp4",
  ".m4a": "audio/mp4",
  ".webm": "video/webm",
  ".mkv": "video/x-matroska",
  ".mov": "video/quicktime",
  ".ogv": "video/ogg",
  ".ogg": "audio/ogg",
  ".oga": "audio/ogg",
  ".opus": "audio/ogg",
  ".mp3": "audio/mpeg",
  ".aac": "audio/aac",
  ".flac": "audio/flac",
  ".wav": "audio/wav",
};

/** `/live/PATH.m3u8?since=UNIX_MS` is a playlist as if it were being made since then. */
const LIVE = "/live/";

export class PageServer {
  readonly #server: http.Server;
  readonly #mounts: { prefix: string; folder: string }[];

  private constructor(server: http.Server, mounts: { prefix: string; folder: string }[]) {
    this.#server = server;
    this.#mounts = mounts;
    server.on("request", (request, response) => {
      try {
        this.#answer(request, response);
      } catch {
        refuse(response, 500);
      }
    });
  }

  /** Serves folders by prefix, the first that fits. */
  static async start(mounts: Record<string, string>): Promise<PageServer> {
    const server = http.createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const list = Object.entries(mounts).map(([prefix, folder]) => ({ prefix, folder }));
    return new PageServer(server, list);
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "Range");
    response.setHeader("Access-Control-Expose-Headers", "Content-Length, Content-Range");
    response.setHeader("Cache-Control", "no-store");
    if (request.method === "OPTIONS") {
      refuse(response, 204);
      return;
    }
    const url = new URL(request.url ?? "/", "http://localhost");
    let name: string;
    try {
      name = decodeURIComponent(url.pathname);
    } catch {
      refuse(response, 400);
      return;
    }
    const isLive = name.startsWith(LIVE);
    if (isLive && name.endsWith(".m3u8")) {
      const file = this.#find(name.slice(LIVE.length - 1));
      const since = Number(url.searchParams.get("since"));
      if (file) serveGrowing(file, since, response);
      else refuse(response, 404);
      return;
    }
    const file = this.#find(isLive ? name.slice(LIVE.length - 1) : name);
    if (file) serveFile(file, request, response);
    else refuse(response, 404);
  }

  #find(name: string): string | undefined {
    for (const { prefix, folder } of this.#mounts) {
      if (!name.startsWith(prefix)) continue;
      const file = path.resolve(folder, `./${name.slice(prefix.length)}`);
      const isInside = file === folder || file.startsWith(folder + path.sep);
      if (!isInside || !fs.existsSync(file)) continue;
      if (!fs.statSync(file).isDirectory()) return file;
      const index = path.join(file, "index.html");
      if (fs.existsSync(index)) return index;
    }
    return undefined;
  }
}

function refuse(response: http.ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status);
  response.end();
}

/** Answers with a file or the range of it that is asked for. */
export function serveFile(
  file: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  const { size } = fs.statSync(file);
  response.setHeader(
    "Content-Type",
    TYPES[path.extname(file).toLowerCase()] ?? "application/octet-stream",
  );
  response.setHeader("Accept-Ranges", "bytes");
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  let [start, end] = [0, size - 1];
  if (range && (range[1] || range[2])) {
    start = range[1] ? Number(range[1]) : Math.max(0, size - Number(range[2]));
    end = range[1] && range[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (end < start) {
      response.setHeader("Content-Range", `bytes */${size}`);
      refuse(response, 416);
      return;
    }
    response.setHeader("Content-Range", `bytes ${start}-${end}/${size}`);
    response.statusCode = 206;
  }
  response.setHeader("Content-Length", end - start + 1);
  if (request.method === "HEAD" || size === 0) {
    response.end();
    return;
  }
  const stream = fs.createReadStream(file, { start, end });
  stream.on("error", () => response.destroy());
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

/** The segments of a finished playlist that would be there by now, two at the start. */
function serveGrowing(file: string, since: number, response: http.ServerResponse): void {
  let left = (Date.now() - since) / 1000 + 2;
  const lines: string[] = [];
  let isWhole = true;
  for (const line of fs.readFileSync(file, "utf8").trimEnd().split("\n")) {
    const duration = /^#EXTINF:([\d.]+)/.exec(line);
    if (duration) left -= Number(duration[1]);
    if (left < 0) {
      isWhole = false;
      break;
    }
    if (/^#EXT-X-(PLAYLIST-TYPE|ENDLIST)/.test(line)) continue;
    lines.push(line);
  }
  if (isWhole) lines.push("#EXT-X-ENDLIST");
  response.setHeader("Content-Type", TYPES[".m3u8"] ?? "");
  response.end(`${lines.join("\n")}\n`);
}
