import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StoreEvent } from "../../src/store/events.ts";
import { retentionSchema, spoolSchema, storeSchema, uploadSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { Shipping } from "../../src/store/shipping.ts";
import { idOf, seededBytes, spoolCapture } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";

const never = new AbortController().signal;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-shipping-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(events: StoreEvent[], retention: object = {}): Promise<Shipping> {
  return Shipping.open(
    {
      store: storeSchema.parse({ kind: "filesystem", path: join(folder, "store") }),
      spool: spoolSchema.parse({ path: join(folder, "spool") }),
      upload: uploadSchema.parse({}),
      retention: retentionSchema.parse(retention),
    },
    {
      clock: realClock,
      random: Math.random,
      emit: (event) => events.push(event),
      host: "host.example",
      services: () => ["checkout"],
    },
    never,
  );
}

test("captures go from the spool to the store and into the index, and what retention takes leaves it", async () => {
  const events: StoreEvent[] = [];
  const stop = new AbortController();
  const shipping = await open(events);
  const running = shipping.run(stop.signal);
  for (let i = 1; i <= 3; i++) {
    const created = `2026-03-11T14:25:0${i}.000Z`;
    await spoolCapture(shipping.spool, {
      id: idOf(i),
      created,
      files: { "trace.out": seededBytes(1000, i) },
    });
  }
  await shipping.drained(never);
  const indexed = await shipping.catalog.list({ filter: {}, limit: 10, source: "index" }, never);
  expect(indexed.map(({ id }) => id)).toEqual([idOf(3), idOf(2), idOf(1)]);
  stop.abort();
  await running;
  await shipping.close();
  const [name] = await readdir(join(folder, "store", "index=captures", "day=2026-03-11"));
  expect(name).toMatch(/^host\.example-[0-9a-z]+\.parquet$/);

  const again = await open(events, { store: { max_captures: 1 } });
  const stopAgain = new AbortController();
  const runningAgain = again.run(stopAgain.signal);
  while (events.filter(({ kind }) => kind === "retention.deleted").length < 2)
    await realClock.sleep(5 as never);
  stopAgain.abort();
  await runningAgain;
  await again.drained(never);
  const left = await again.catalog.list({ filter: {}, limit: 10, source: "index" }, never);
  expect(left.map(({ id }) => id)).toEqual([idOf(3)]);
  const scanned = await again.catalog.list({ filter: {}, limit: 10, source: "scan" }, never);
  expect(scanned.map(({ id }) => id)).toEqual([idOf(3)]);
  // Its name stays with the spool, so that the file of the day stays one.
  expect(await readdir(join(folder, "store", "index=captures", "day=2026-03-11"))).toEqual([name]);
  await again.close();
});

test("one agent a spool", async () => {
  const first = await open([]);
  await expect(open([])).rejects.toMatchObject({ code: "spool_locked", retryable: true });
  // The same folder by another name, as another container may see it.
  await symlink(join(folder, "spool"), join(folder, "alias"));
  const deps = { clock: realClock, emit: () => {} };
  const alias = Spool.open(spoolSchema.parse({ path: join(folder, "alias") }), deps, never);
  await expect(alias).rejects.toMatchObject({ code: "spool_locked" });
  await first.close();
  const second = await open([]);
  await second.close();
});
