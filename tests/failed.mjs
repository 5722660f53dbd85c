// A reporter for node's test runner: which tests have failed, "FILE<tab>NAME" a line, for those
// who run them once more.

/**
 * @typedef {{ file?: string, name: string, details: { type?: string } }} Result
 * @param {AsyncIterable<{ type: string, data: Result }>} events
 */
export default async function* failed(events) {
  for await (const { type, data } of events) {
    const hasFailed = type === "test:fail" && data.details.type !== "suite";
    if (hasFailed) yield `${data.file ?? data.name}\t${data.name}\n`;
  }
}
