import fc from "fast-check";
import { expect, test } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import type { CaptureFile } from "../../src/capture/manifest.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import type { Files } from "../../src/store/files.ts";
import { spoolSchema, SPOOL_POLICIES, type SpoolPolicy } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { contentTypeOf, idOf, manifestOf, seededBytes, sha256 } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";
import { FaultyFiles, type Fault } from "./support/faulty-files.ts";

/**
 * The spool against a model, over a file system that loses whatever was not synced. Random captures, uploads, drops,
 * failing operations, power cuts and restarts; after each restart the promise is checked:
 *
 * - what was acknowledged, and neither verified in the store nor dropped by a stated policy, is there, byte for byte;
 * - whatever is there is whole;
 * - what was dropped or verified does not come back, unless the journal had said that it could not be written;
 * - the quota holds.
 */

const SPOOL = "/var/spool";
const MAX_BYTES = 40_000;
const MAX_CAPTURES = 8;

type Action =
  | {
      readonly kind: "capture";
      readonly sizes: readonly number[];
      readonly severity: string;
      readonly manual: boolean;
      /** The process writes that many files and then is cut off. */
      readonly stopAfter: number | undefined;
    }
  | { readonly kind: "upload"; readonly which: number; readonly steps: number }
  | { readonly kind: "drop"; readonly which: number }
  | { readonly kind: "pin"; readonly which: number; readonly pinned: boolean }
  | { readonly kind: "fail"; readonly after: number; readonly fault: Fault }
  | { readonly kind: "power-cut" }
  | { readonly kind: "power-cut-during-capture"; readonly size: number; readonly operations: number }
  | { readonly kind: "restart" };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("capture" as const),
      sizes: fc.array(fc.integer({ min: 1, max: 8000 }), { minLength: 1, maxLength: 3 }),
      severity: fc.constantFrom("info", "warning", "critical", "other"),
      manual: fc.boolean(),
      stopAfter: fc.option(fc.nat(3), { nil: undefined, freq: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("upload" as const), which: fc.nat(20), steps: fc.nat(6) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("pin" as const), which: fc.nat(20), pinned: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      after: fc.nat(25),
      fault: fc.constantFrom<Fault>("ENOSPC", "EIO"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("power-cut" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("power-cut-during-capture" as const),
      size: fc.integer({ min: 1, max: 8000 }),
      operations: fc.nat(25),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

class Model {
  readonly files: FaultyFiles;
  readonly #policy: SpoolPolicy;
  readonly #contents = new Map<string, Map<string, Uint8Array>>();
  readonly #acknowledged = new Set<string>();
  readonly #verified = new Set<string>();
  readonly #dropped = new Set<string>();
  readonly pinned = new Set<string>();
  #journalFailed = false;
  #session: Files;
  spool: Spool | undefined;
  #made = 0;
  acknowledgedTotal = 0;

  constructor(policy: SpoolPolicy, random: () => number) {
    this.#policy = policy;
    this.files = new FaultyFiles(random);
    this.#session = this.files.session();
  }

  readonly #emit = (event: StoreEvent): void => {
    if (event.kind === "spool.dropped") this.#dropped.add(event.id);
    if (event.kind === "spool.journal_failed" || event.kind === "spool.remove_failed")
      this.#journalFailed = true;
    if (event.kind === "spool.recovered") expect(event.recovery.damaged).toBe(0);
  };

  /** Opens the spool, as often as the faults that are still planned demand, and checks the promise. */
  async open(): Promise<Spool> {
    for (let tries = 0; this.spool === undefined; tries++) {
      expect(tries).toBeLessThan(40);
      this.#session = this.files.session();
      const options = spoolSchema.parse({
        path: SPOOL,
        max_bytes: MAX_BYTES,
        max_captures: MAX_CAPTURES,
        when_full: this.#policy,
      });
      const lock = (): Promise<{ release(): Promise<void> }> =>
        Promise.resolve({ release: () => Promise.resolve() });
      const deps = { clock: realClock, emit: this.#emit, files: this.#session, lock };
      try {
        this.spool = await Spool.open(options, deps, new AbortController().signal);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
      }
    }
    this.files.noMoreFaults();
    await this.check(this.spool);
    return this.spool;
  }

  async check(spool: Spool): Promise<void> {
    for (const id of this.#acknowledged) {
      if (this.#verified.has(id) || this.#dropped.has(id)) continue;
      expect(spool.get(id), `acknowledged ${id}`).toBeDefined();
    }
    for (const { id, folder } of spool.pending()) {
      if (!this.#journalFailed) {
        expect(this.#dropped.has(id), `dropped ${id} is back`).toBe(false);
        expect(this.#verified.has(id), `verified ${id} is back`).toBe(false);
      }
      const { manifest } = await spool.manifest(id);
      for (const file of manifest.files) {
        const content = this.#contents.get(id)?.get(file.name);
        const found = await this.#session.read(`${folder}/${file.name}`);
        expect(sha256(found), `${id}/${file.name}`).toBe(file.sha256);
        expect(Buffer.compare(found, content ?? Buffer.alloc(0))).toBe(0);
      }
    }
    const { bytes } = spool.usage();
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(spool.entries().length).toBeLessThanOrEqual(MAX_CAPTURES);
  }

  async run(step: Action): Promise<void> {
    const spool = await this.#opened();
    switch (step.kind) {
      case "capture":
        await this.#capture(spool, step);
        this.files.noMoreFaults();
        await this.check(spool);
        return;
      case "upload":
        return this.#upload(spool, step.which, step.steps);
      case "drop": {
        const entry = pick(spool.pending(), step.which);
        if (entry === undefined) return;
        this.#dropped.add(entry.id);
        await spool.drop(entry.id, "removed");
        return;
      }
      case "pin": {
        const entry = pick(spool.pending(), step.which);
        if (entry === undefined) return;
        await spool.pin(entry.id, step.pinned);
        if (step.pinned) this.pinned.add(entry.id);
        else this.pinned.delete(entry.id);
        return;
      }
      case "fail":
        this.files.failAt(step.after, step.fault);
        return;
      case "power-cut":
        this.files.powerCut();
        this.spool = undefined;
        return;
      case "power-cut-during-capture":
        return this.#cutDuringCapture(spool, step);
      case "restart":
        await spool.close();
        this.spool = undefined;
        return;
    }
  }

  async #opened(): Promise<Spool> {
    return this.spool ?? this.open();
  }

  async #capture(spool: Spool, shape: Omit<Action & { kind: "capture" }, "kind">): Promise<void> {
    const id = idOf(++this.#made);
    const content = new Map(shape.sizes.map((size, i) => [`f${i}`, seededBytes(size, this.#made * 10 + i)]));
    this.#contents.set(id, content);
    const { generation } = this.files;
    try {
      const writer = await spool.begin(id);
      const files: CaptureFile[] = [];
      for (const [name, bytes] of content) {
        if (files.length === shape.stopAfter) return await writer.abort();
        try {
          files.push(await writer.addFile(name, contentTypeOf(name), [bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError); // The capture goes on without it, as the agent does.
        }
      }
      const { severity, manual } = shape;
      const kind = manual ? ("manual" as const) : ("rule" as const);
      const created = new Date(Date.UTC(2026, 2, 11) + this.#made * 1000).toISOString();
      const before = new Set(this.#dropped);
      await writer.commit(manifestOf({ id, created, severity, kind, files: {} }, files));
      if (this.files.generation !== generation) return; // Nobody was left to be told.
      this.#acknowledged.add(id);
      this.acknowledgedTotal++;
      this.#checkEvictions(before);
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
    }
  }

  /** Whatever was pushed out by this commit, a pinned one was not. */
  #checkEvictions(before: ReadonlySet<string>): void {
    for (const id of this.#dropped) if (!before.has(id)) expect(this.pinned.has(id)).toBe(false);
  }

  /** The power goes while a capture is being written: after so many operations of the file system. */
  async #cutDuringCapture(spool: Spool, step: { size: number; operations: number }): Promise<void> {
    const at = this.files.operations + step.operations;
    const shape = { sizes: [step.size], severity: "critical", manual: true, stopAfter: undefined };
    const before = this.acknowledgedTotal;
    const state = { over: false };
    const capturing = this.#capture(spool, shape).finally(() => (state.over = true));
    const goesOn = (): boolean => !state.over && this.acknowledgedTotal === before;
    while (goesOn() && this.files.operations < at) await Promise.resolve();
    this.files.powerCut();
    this.spool = undefined;
    await capturing;
  }

  /** As the uploader does it; `steps` says how far it gets. */
  async #upload(spool: Spool, which: number, steps: number): Promise<void> {
    const entry = pick(spool.pending(), which);
    if (entry === undefined) return;
    const { id } = entry;
    const file = "f0";
    const records = [
      { kind: "uploading", id, location: "s3://b", prefix: `p/${id}/` },
      { kind: "multipart", id, file, upload_id: "u", part_bytes: 100 },
      { kind: "part", id, file, upload_id: "u", done: { part: 1, etag: "e" } },
      { kind: "part", id, file, upload_id: "u", done: { part: 2, etag: "e" } },
      { kind: "uploaded", id, file },
    ] as const;
    for (const record of records.slice(0, steps)) await spool.record(record);
    const { multiparts, uploaded, destination } = spool.progress(id);
    if (steps >= 1) expect(destination?.prefix).toBe(`p/${id}/`);
    if (steps === 4) expect([...(multiparts.get(file)?.parts.keys() ?? [])]).toEqual([1, 2]);
    if (steps === 5) expect([...uploaded]).toEqual([file]);
    if (steps < 6) return;
    this.#verified.add(id);
    await spool.uploaded(id);
  }
}

function pick<T>(items: readonly T[], which: number): T | undefined {
  return items.length === 0 ? undefined : items[which % items.length];
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const RUNS = Number(process.env["GOREWIND_SPOOL_RUNS"] ?? 400);

test.each(SPOOL_POLICIES)(
  "keeps its promise under %s through power cuts, full disks and failing ones",
  async (policy) => {
    let acknowledged = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), fc.nat(), async (actions, seed) => {
        const model = new Model(policy, randomFrom(seed));
        for (const step of actions) await model.run(step);
        model.files.powerCut();
        model.spool = undefined;
        await model.open();
        acknowledged += model.acknowledgedTotal;
      }),
      { numRuns: RUNS },
    );
    // Guards the test itself: faults everywhere would prove nothing. About one a history is acknowledged, more or less
    // by the seeds.
    expect(acknowledged).toBeGreaterThan(RUNS / 2);
  },
  60_000 + RUNS * 100,
);

test("the file system of this test does lose what is not synced", async () => {
  const files = new FaultyFiles(() => 0.1);
  await files.makeFolder("/a");
  await files.syncFolder("/");
  const file = await files.create("/a/x");
  await file.write(Buffer.from("hello"));
  await file.sync();
  files.powerCut();
  expect(await files.stat("/a/x")).toBeUndefined();
  const again = await files.create("/a/x");
  await again.write(Buffer.from("hello"));
  await files.syncFolder("/a");
  files.powerCut();
  expect((await files.stat("/a/x"))?.bytes).toBe(0);
});
