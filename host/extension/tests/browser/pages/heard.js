// What a page hears from others, from its first script on.
globalThis.heard = [];
addEventListener("message", ({ data, ports }) => heard.push([data, ports.length]), true);
