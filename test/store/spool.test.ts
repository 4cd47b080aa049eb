import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StoreEvent } from "../../src/store/events.ts";
import { spoolSchema } from "../../src/store/options.ts";
import { makeRoom, type Weighed } from "../../src/store/spool/quota.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { idOf, seededBytes, spoolCapture } from "./support/captures.ts";
import { FakeClock, realClock } from "./support/clock.ts";

const never = new AbortController().signal;

let folder: string;
let events: StoreEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-spool-"));
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(over: object = {}): Promise<Spool> {
  const options = spoolSchema.parse({ path: folder, ...over });
  return Spool.open(options, { clock: realClock, emit: (event) => events.push(event) }, never);
}

const shape = (n: number, over: object = {}) => ({
  id: idOf(n),
  files: { a: seededBytes(1000, n) },
  ...over,
});

describe("the spool's folder", () => {
  test("can be read with ls and cat", async () => {
    const spool = await open();
    await spoolCapture(spool, shape(1));
    await spool.record({ kind: "uploading", id: idOf(1), location: "s3://b", prefix: "p/" });
    expect((await readdir(folder)).sort()).toEqual(["LOCK", "captures", "damaged", "journal", "tmp"]);
    expect(await readdir(join(folder, "captures", idOf(1)))).toEqual(["a", "manifest.json"]);
    const lines = (await readFile(join(folder, "journal"), "utf8")).trim().split("\n");
    expect(lines.map((line) => line.replace(/^[0-9a-f]{8} /, ""))).toEqual([
      expect.stringMatching(`{"kind":"accepted","id":"${idOf(1)}","at":"20`) as string,
      `{"kind":"uploading","id":"${idOf(1)}","location":"s3://b","prefix":"p/"}`,
    ]);
    await spool.close();
  });

  test("what was being written when the agent died is gone, and counted", async () => {
    const spool = await open();
    await (await spool.begin(idOf(2))).addFile("a", "text/plain", [Buffer.from("x")]);
    await spoolCapture(spool, shape(1));
    await spool.close();
    await mkdir(join(folder, "captures", idOf(3)));
    const torn = `deadbeef {"kind":"verified","id":"${idOf(1)}`;
    await appendFile(join(folder, "journal"), torn);
    const again = await open();
    const { recovery } = events.findLast(({ kind }) => kind === "spool.recovered") as never as {
      recovery: object;
    };
    expect(recovery).toMatchObject({ captures: 1, incomplete: 2, damaged: 0, tornBytes: torn.length });
    expect(again.pending().map(({ id }) => id)).toEqual([idOf(1)]);
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    await again.close();
  });

  test("without its journal nothing but the progress is lost", async () => {
    const spool = await open();
    await spoolCapture(spool, shape(1));
    await spool.close();
    await rm(join(folder, "journal"));
    const again = await open();
    expect(again.pending()).toHaveLength(1);
    await again.close();
  });

  test("a file that is shorter than its manifest says is set aside", async () => {
    const spool = await open();
    await spoolCapture(spool, shape(1));
    await spool.close();
    await writeFile(join(folder, "captures", idOf(1), "a"), "short");
    const again = await open();
    expect(again.pending()).toEqual([]);
    expect(await readdir(join(folder, "damaged"))).toEqual([idOf(1)]);
    await again.close();
  });

  test("a lease of another host is waited for until it is stale", async () => {
    await writeFile(join(folder, "LOCK"), "elsewhere 17\n");
    const clock = new FakeClock();
    const at = new Date(clock.now());
    await utimes(join(folder, "LOCK"), at, at);
    const opening = Spool.open(
      spoolSchema.parse({ path: folder }),
      { clock, emit: (event) => events.push(event) },
      never,
    );
    let opened = false;
    void opening.then(() => (opened = true));
    let seconds = 0;
    while (events.at(-1)?.kind !== "spool.recovered") {
      await new Promise((resolve) => setImmediate(resolve));
      if (clock.sleeping === 0 || opened) continue;
      seconds++;
      clock.advance(1000);
    }
    const spool = await opening;
    expect(events[0]).toEqual({ kind: "spool.waited_for_lease", holder: "elsewhere (pid 17)" });
    expect(seconds).toBeGreaterThan(29);
    await spool.close();
  });
});

describe("a capture being written", () => {
  test("refuses what is no file of a capture", async () => {
    const spool = await open();
    const writer = await spool.begin(idOf(1));
    for (const name of ["../x", "manifest.json", "", ".hidden", "a/b"]) {
      await expect(writer.addFile(name, "text/plain", [Buffer.from("x")])).rejects.toThrow("not a name");
    }
    const empty = writer.addFile("empty", "text/plain", []);
    await expect(empty).rejects.toMatchObject({ code: "empty_file" });
    await writer.abort();
    await writer.abort();
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    await spool.close();
  });

  test("larger than the whole spool is refused while it is written", async () => {
    const spool = await open({ max_bytes: 5000 });
    const writer = await spool.begin(idOf(1));
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield seededBytes(1000, 1);
    }
    const large = writer.addFile("a", "text/plain", endless());
    await expect(large).rejects.toMatchObject({ code: "spool_full" });
    await writer.abort();
    await spool.close();
  });

  test("is refused at the quota, or pushes out what the policy says", async () => {
    const spool = await open({ max_captures: 2, when_full: "keep_worst" });
    await spoolCapture(spool, shape(1, { severity: "info" }));
    await spoolCapture(spool, shape(2, { severity: "critical" }));
    await spoolCapture(spool, shape(3, { severity: "warning" }));
    expect(spool.pending().map(({ id }) => id)).toEqual([idOf(2), idOf(3)]);
    const refused = spoolCapture(spool, shape(4, { severity: "info" }));
    await expect(refused).rejects.toMatchObject({ code: "spool_full", retryable: true });
    expect(events.slice(-2).map(({ kind }) => kind)).toEqual(["capture.accepted", "spool.full"]);
    expect(events.filter(({ kind }) => kind === "spool.dropped")).toMatchObject([
      { id: idOf(1), reason: "quota" },
    ]);
    await spool.close();
  });
});

describe("room is made", () => {
  const weighed = (n: number, over: Partial<Weighed> = {}): Weighed => ({
    id: `c${n}`,
    bytes: 10,
    created: `2026-03-11T00:00:0${n}.000Z`,
    severity: "warning",
    manual: false,
    pinned: false,
    uploaded: false,
    busy: false,
    ...over,
  });
  const evicted = (
    held: readonly Weighed[],
    candidate: Weighed,
    policy: "drop_oldest" | "drop_new" | "keep_worst",
    maxBytes = 30,
  ): readonly string[] | "refused" => {
    const room = makeRoom(held, candidate, { maxBytes, maxCaptures: 100, policy });
    return room.kind === "fits" ? room.evict : "refused";
  };
  const three = [weighed(3), weighed(1), weighed(2)];

  test("as the policy says", () => {
    expect(evicted(three, weighed(4), "drop_oldest")).toEqual(["c1"]);
    expect(evicted(three, weighed(4, { bytes: 20 }), "drop_oldest")).toEqual(["c1", "c2"]);
    expect(evicted(three, weighed(4), "drop_new")).toBe("refused");
    expect(evicted(three, weighed(4), "keep_worst")).toEqual(["c1"]);
    expect(evicted(three, weighed(4, { severity: "info" }), "keep_worst")).toBe("refused");
    const worse = [weighed(1, { severity: "critical" }), weighed(2, { severity: "info" }), weighed(3)];
    expect(evicted(worse, weighed(4), "keep_worst")).toEqual(["c2"]);
    expect(evicted(three.slice(1), weighed(4), "drop_new")).toEqual([]);
    expect(evicted([], weighed(4, { bytes: 31 }), "drop_oldest")).toBe("refused");
  });

  test("with copies of what is in the store first, even under drop_new", () => {
    const held = [weighed(1), weighed(2), weighed(3, { uploaded: true })];
    for (const policy of ["drop_oldest", "drop_new", "keep_worst"] as const) {
      expect(evicted(held, weighed(4), policy)).toEqual(["c3"]);
    }
  });

  test("never with what a person wants kept, nor with what is under way", () => {
    const held = [weighed(1, { manual: true }), weighed(2, { pinned: true }), weighed(3, { busy: true })];
    expect(evicted(held, weighed(4), "drop_oldest")).toBe("refused");
    expect(evicted(held, weighed(4, { manual: true }), "drop_oldest")).toEqual(["c1"]);
    expect(
      evicted([weighed(1, { manual: true }), weighed(2)], weighed(4, { manual: true }), "keep_worst", 20),
    ).toEqual(["c2"]);
  });
});
