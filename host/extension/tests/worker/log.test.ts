import assert from "node:assert/strict";
import { test } from "node:test";
import { Log } from "../../src/worker/log.js";

test("keeps the newest lines and says that older ones are gone", () => {
  const log = new Log(() => new Date(0));
  for (let line = 0; line < 10_000; line += 1) log.write(`line ${line}`);
  const lines = log.lines();
  assert.equal(lines[0], "(6000 older lines are gone)");
  assert.equal(lines[1], "1970-01-01T00:00:00.000Z line 6000");
  assert.equal(lines.at(-1), "1970-01-01T00:00:00.000Z line 9999");
  assert.equal(lines.length, 4001);
});

test("a line is bounded, and a collection begins empty", () => {
  const log = new Log(() => new Date(0));
  log.write("x".repeat(1000));
  assert.ok((log.lines()[0]?.length ?? 0) <= 425);
  log.clear();
  assert.deepEqual(log.lines(), []);
});
