// The agent's store side alone, to be killed at any moment: makes captures and uploads them. Each id is printed when
// it is acknowledged and not before. Usage: node crash-child.mjs DIST OPTIONS-JSON
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { contentOf, filesOf } from "./crash-content.mjs";

const [dist, json] = process.argv.slice(2);
const { spoolPath, store: storeOptions, key, seed, drain } = JSON.parse(json);
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { Spool } = await load("store/spool/spool.js");
const { Uploader } = await load("store/uploader.js");
const { createStore } = await load("store/create.js");
const { captureId } = await load("store/id.js");
const { spoolSchema, storeSchema, uploadSchema } = await load("store/options.js");

const say = (line) => writeSync(1, `${line}\n`);
const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (duration, signal) => {
    await sleep(duration, undefined, { signal }).catch((error) => {
      throw signal?.aborted ? signal.reason : error;
    });
  },
};
const emit = (event) => {
  if (event.kind === "spool.dropped") say(`dropped ${event.id} ${event.reason}`);
  if (event.kind === "upload.started" && event.resumed) say(`resumed ${event.id}`);
  if (event.kind === "upload.failed" || event.kind === "upload.retried") say(`trouble ${event.code}`);
};

const stop = new AbortController();
const spool = await Spool.open(
  spoolSchema.parse({ path: spoolPath, max_bytes: "4GiB" }),
  { clock, emit },
  stop.signal,
);
const store = await createStore(storeSchema.parse(storeOptions));
const options = uploadSchema.parse({
  key,
  min_delay: "10ms",
  max_delay: "100ms",
});
const uploader = new Uploader(options, { spool, store, clock, random: Math.random, emit });
const running = uploader.run(stop.signal);
say("ready");

let state = seed;
function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

async function capture() {
  const now = clock.now();
  const id = captureId(now, Math.random);
  const created = new Date(now).toISOString();
  const writer = await spool.begin(id);
  const files = [];
  for (const name of filesOf(id)) {
    const content = contentOf(id, name);
    files.push(await writer.addFile(name, "application/octet-stream", [content]));
  }
  await writer.commit({
    version: 1,
    id,
    created,
    target: { name: "shop-0", job: "shop", address: "127.0.0.1:6060", labels: { service: "shop" } },
    reasons: [{ rule: "slow", kind: "rule", severity: "warning", at: created, message: "slow" }],
    agent: { version: "0.1.0", host: "test", config_hash: "0" },
    files,
    omitted: [],
  });
  say(`acknowledged ${id}`);
}

if (drain) {
  await uploader.drained(stop.signal);
  stop.abort();
  await running;
  await spool.close();
  store.close();
  say("drained");
} else {
  for (;;) {
    await capture();
    await sleep(random() * 20);
  }
}
