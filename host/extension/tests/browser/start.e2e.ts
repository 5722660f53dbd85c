/** What a browser that starts gets ready for its first page, and lets go of. */
import { test } from "node:test";
import { LINGER_MS } from "../../src/worker/reconnect.js";
import { BrowserRig } from "./rig.ts";

test("host, device and a stage are ready before the first page, and not kept", async () => {
  const rig = await BrowserRig.start();
  try {
    const { now } = rig.status;
    const isReady = () =>
      now.value.session !== null && now.value.processes.some(({ role }) => role === "spare stage");
    await now.until("a stage for the first page", isReady, LINGER_MS);
    const isRid = () => now.value.session === null && now.value.processes.length === 1;
    await now.until("the end of the session", isRid, 3 * LINGER_MS);
  } finally {
    await rig.stop();
  }
});
