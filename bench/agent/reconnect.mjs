/**
 * What is lost where one stream of a trace ends and the next begins: by letting the server end it after the seconds asked
 * for and opening the next at once, or by closing it before (when its time is nearly over, or right after a generation was
 * whole). A live service is streamed for a few seconds, many times; the gap is trace time between the last whole generation
 * of one stream and the first of the next.
 *
 *     npm run build && node bench/agent/reconnect.mjs [--long]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { SessionRing } from "../../dist/ring/session.js";
import { buildGo, long, median, startShop, stop } from "./support.mjs";

const SECONDS = 4;
const TURNS = long ? 25 : 9;
/** How long before its end a stream is closed: what a client must leave for the next to begin in time. */
const EARLY_MS = 500;
const WAYS = {
  "read to its end": { seconds: SECONDS },
  "closed before its end": { seconds: SECONDS + 60, closeAfterMs: SECONDS * 1000 - EARLY_MS },
  "closed when a generation is whole": {
    seconds: SECONDS + 60,
    closeAfterMs: SECONDS * 1000 - EARLY_MS,
    whole: true,
  },
};

console.log(
  "Go     | way                               | gap, median | worst    | generations lost | refused meanwhile",
);
for (const toolchain of ["go1.22.12", "go1.26.11"]) {
  const shop = buildGo("shop", toolchain);
  for (const [name, way] of Object.entries(WAYS)) {
    const service = await startShop(shop, ["-load", "100"]);
    const figures = await gaps(service.url, way);
    await stop(service);
    const ms = figures.map(({ gap }) => gap);
    const cells = [
      service.go.replace("go", "").padEnd(6),
      name.padEnd(33),
      `${median(ms).toFixed(1)} ms`.padEnd(11),
      `${Math.max(...ms).toFixed(1)} ms`.padEnd(8),
      mean(figures.map(({ generations }) => generations)).padEnd(16),
      mean(figures.map(({ refused }) => refused)),
    ];
    console.log(cells.join(" | "));
  }
}

/** One stream after the other; what lies between each two. */
async function gaps(url, way) {
  const figures = [];
  let before;
  for (let turn = 0; turn <= TURNS; turn++) {
    const { first, last, refused } = await stream(url, way);
    if (before !== undefined) {
      const gap = (first.startNs - before.endNs) / 1e6;
      figures.push({ gap, generations: first.number - before.number - 1, refused });
    }
    before = last;
  }
  return figures;
}

/** The first and the last whole generation of one stream, and how often it was refused before. */
async function stream(url, { seconds, closeAfterMs = Infinity, whole = false }) {
  const dispatcher = new Agent();
  let refused = 0;
  let response;
  for (;;) {
    response = await request(`${url}/debug/pprof/trace?seconds=${seconds}`, { dispatcher });
    if (response.statusCode === 200) break;
    await response.body.dump();
    refused++;
    await sleep(10);
  }
  const limits = { minAge: 3_600_000, maxBytes: 1 << 30 };
  const session = new SessionRing({ id: "bench", limits, maxGenerationBytes: 1 << 28 });
  const generations = [];
  const began = performance.now();
  const due = () => performance.now() - began >= closeAfterMs;
  const { body } = response;
  const timer =
    whole || closeAfterMs === Infinity ? undefined : setTimeout(() => body.destroy(), closeAfterMs);
  let closed = false;
  try {
    for await (const chunk of body) {
      const sealed = session.push(new Uint8Array(chunk), Date.now());
      generations.push(...sealed);
      if (whole && sealed.length > 0 && due()) break;
    }
    closed = due();
  } catch {
    closed = true;
  }
  clearTimeout(timer);
  if (!closed) generations.push(...session.end(Date.now()));
  await dispatcher.destroy();
  return { first: generations[0], last: generations.at(-1), refused };
}

function mean(values) {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2);
}
