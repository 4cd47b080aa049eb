/**
 * A server with many addresses, each a `/debug/pprof/trace` that sends a recording for ever, as fast as it was recorded.
 * For what no real service does on demand: the same bytes a second each time, so many targets.
 *
 *     node bench/agent/replay.mjs FILE TARGETS
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { EndlessTrace, parseRecording } from "./endless.mjs";

const [file, count] = process.argv.slice(2);
const recording = parseRecording(new Uint8Array(readFileSync(file)));
const TICK_MS = 50;

function replay(response, target) {
  response.writeHead(200, { "content-type": "application/octet-stream" });
  response.write(recording.header);
  const trace = new EndlessTrace(recording, Date.now(), target);
  let current = trace.next();
  let sent = 0;
  const timer = setInterval(() => {
    const now = Date.now();
    for (;;) {
      const { bytes, from, to } = current;
      const due = now >= to ? bytes.length : Math.floor((bytes.length * (now - from)) / (to - from));
      if (due > sent) response.write(bytes.subarray(sent, due));
      sent = Math.max(sent, due);
      if (sent < bytes.length) return;
      current = trace.next();
      sent = 0;
    }
  }, TICK_MS);
  response.once("close", () => clearInterval(timer));
}

const addresses = await Promise.all(
  Array.from({ length: Number(count) }, async (_, target) => {
    const server = createServer((request, response) => {
      if (request.url.startsWith("/debug/pprof/trace")) replay(response, target);
      else response.writeHead(404).end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${server.address().port}`;
  }),
);
const { bytesPerSecond, generations } = recording;
console.log(
  JSON.stringify({ event: "listening", addresses, bytesPerSecond, generations: generations.length }),
);
