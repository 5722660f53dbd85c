import assert from "node:assert/strict";
import { test } from "node:test";
import { CALL_SITES, isListed, parseManagedSites, VIDEO_SITES } from "../../src/worker/sites.js";
import shipped from "../../src/worker/sites.json" with { type: "json" };

test("the shipped list has the 27 video sites and 6 call sites", () => {
  assert.equal(shipped.video.length, 27);
  assert.equal(shipped.call.length, 6);
  for (const { host, folder } of [...VIDEO_SITES, ...CALL_SITES]) {
    assert.match(host, /^([a-z0-9-]+\.)+[a-z]+$/);
    assert.doesNotMatch(host, /^www\./);
    assert.match(folder, /^[a-z]*$/);
  }
});

const SHIPPED: [string, boolean][] = [
  ["https://www.youtube.com/watch?v=1", true],
  ["https://youtube.com", true],
  ["https://m.youtube.com:8443/", true],
  ["https://www.youtube-nocookie.com/embed/1", true],
  ["https://player.vimeo.com/video/1", true],
  ["https://www.linkedin.com/learning/graph-theory", true],
  ["https://www.linkedin.com/feed/", false],
  ["https://www.linkedin.com/learning-hub", false],
  ["https://notyoutube.com/", false],
  ["https://youtube.com.example.org/", false],
  ["https://youtube.com@example.org/", false],
  ["https://example.org/youtube.com", false],
  ["https://youtube.com./watch", true],
  ["file:///youtube.com/a.html", false],
  ["blob:https://youtube.com/1", false],
  ["http://127.0.0.1:8000/", false],
  ["about:blank", false],
  ["", false],
  ["youtube.com", false],
];

test("URLs against the shipped list", () => {
  for (const [url, expected] of SHIPPED) assert.equal(isListed(VIDEO_SITES, url), expected, url);
});

test("a managed list is exact, apart from www.", () => {
  const list = parseManagedSites("example.org; media.example.com/learn ;127.0.0.1;localhost");
  assert.deepEqual(list?.refused, []);
  const sites = list?.sites ?? [];
  const cases: [string, boolean][] = [
    ["https://example.org/a/b", true],
    ["https://www.example.org/", true],
    ["https://sub.example.org/", false],
    ["https://media.example.com/learn/1", true],
    ["https://media.example.com/learn", true],
    ["https://media.example.com/", false],
    ["https://media.example.com/learn2", false],
    ["http://127.0.0.1:4444/x.html", true],
    ["http://localhost/", true],
  ];
  for (const [url, expected] of cases) assert.equal(isListed(sites, url), expected, url);
});

const REFUSED: [unknown, RegExp][] = [
  ["www.example.org", /leave out "www\."/],
  ["example.org/a/b", /at most one folder/],
  ["example.org/", /slash at the end/],
  ["example.org/a/", /slash at the end/],
  ["https://example.org", /scheme/],
  ["*.example.org", /not a full host name/],
  ["exa mple.org", /not a full host name/],
  ["example.org:443", /not a full host name/],
  [`${"a".repeat(64)}.org`, /not a full host name/],
  ["example.org/a b", /not a folder/],
  [7, /not a text/],
  ["a.b;".repeat(40_000), /too long/],
  ["a.b;".repeat(2000), /first 1024/],
];

test("what administrators write wrong is refused with a message", () => {
  for (const [value, message] of REFUSED) {
    const list = parseManagedSites(value);
    assert.equal(list?.refused.length, 1, String(value).slice(0, 40));
    assert.match(list?.refused[0] ?? "", message);
  }
});

test("a wrong entry does not take the right ones with it", () => {
  const list = parseManagedSites("www.a.org;b.org");
  assert.deepEqual(list?.sites, [{ host: "b.org", folder: "", subdomains: false }]);
  assert.equal(list?.refused.length, 1);
});

test("not configured is not an empty list", () => {
  assert.equal(parseManagedSites(undefined), null);
  assert.deepEqual(parseManagedSites(""), { sites: [], refused: [] });
});
