/**
 * A server with many addresses, each a `/debug/pprof/trace` that sends a recording at a given rate and ends with it; the
 * agent asks again at once. For what no real service does on demand: so many bytes a second, so many targets.
 *
 *     node bench/agent/replay.mjs FILE BYTES_PER_SECOND TARGETS
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [file, rate, count] = process.argv.slice(2);
const recording = readFileSync(file);
const TICK_MS = 50;

function replay(response) {
  response.writeHead(200, { "content-type": "application/octet-stream" });
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.min(recording.length, Math.floor(((performance.now() - began) / 1000) * Number(rate)));
    if (due > sent) response.write(recording.subarray(sent, due));
    sent = due;
    if (sent === recording.length) {
      clearInterval(timer);
      response.end();
    }
  }, TICK_MS);
  response.once("close", () => clearInterval(timer));
}

const addresses = await Promise.all(
  Array.from({ length: Number(count) }, async () => {
    const server = createServer((_, response) => replay(response));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${server.address().port}`;
  }),
);
console.log(JSON.stringify({ event: "listening", addresses }));
