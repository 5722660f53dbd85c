import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EXTENSION_ID } from "../../src/common/identity.js";

test("the id that native-messaging manifests name is that of the manifest's key", () => {
  const manifest = JSON.parse(
    readFileSync(new URL("../../manifest.json", import.meta.url), "utf8"),
  );
  const hash = createHash("sha256").update(Buffer.from(manifest.key, "base64")).digest("hex");
  const id = hash
    .slice(0, 32)
    .replace(/./g, (digit) => "abcdefghijklmnop"[parseInt(digit, 16)] ?? "");
  assert.equal(EXTENSION_ID, id);
});
