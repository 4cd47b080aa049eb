import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Watched } from "../../src/agent/captures.ts";
import type { MirrorEvent } from "../../src/agent/events.ts";
import { leftFolder, ringFolder, targetFolder } from "../../src/agent/mirror/layout.ts";
import { leftRings, readLeft, takeRings, type LeftRing } from "../../src/agent/mirror/left.ts";
import { RingMirror } from "../../src/agent/mirror/mirror.ts";
import { bytes, epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import type { RecordedGeneration, RecordedSession } from "../../src/ring/recording.ts";
import { SessionRing } from "../../src/ring/session.ts";
import type { Files } from "../../src/store/files.ts";
import { sha256 } from "../store/support/captures.ts";
import { FaultyFiles } from "../store/support/faulty-files.ts";
import { sharedTrace } from "../trace/support.ts";

const SPOOL = "/spool";
const NOW = epochMilliseconds(1_772_000_000_000);

/** A real trace as a recorder holds it. 1.22 marks no end of a generation, 1.26 does. */
function recorded(release: string): RecordedSession {
  const ring = new SessionRing({
    id: `s${release.replace(".", "-")}`,
    limits: { minAge: milliseconds(3_600_000), maxBytes: bytes(1 << 30) },
    maxGenerationBytes: 1 << 30,
  });
  ring.push(readFileSync(sharedTrace(release)), NOW);
  ring.end(NOW);
  const session = ring.recorded();
  if (session === undefined) throw new Error(`no generations in ${release}`);
  return session;
}

const sessions = [recorded("1.22"), recorded("1.26")];

/** A target whose ring holds what is put into `held`. */
class FakeTarget {
  held: readonly RecordedSession[] = [];
  readonly watched: Watched;

  constructor(name: string) {
    const target = { name, job: "j", address: "a:1", scheme: "http", labels: { name } } as const;
    this.watched = {
      target,
      recorder: { sessions: () => this.held },
      reads: { facts: {} },
      privacy: [],
    } as unknown as Watched;
  }

  /** The ring holds the generations `from` up to and with `to` of a session; the last is new. */
  hold(mirror: RingMirror, session: RecordedSession, from: number, to: number): void {
    const generations = session.generations.slice(from, to + 1);
    this.held = [{ ...session, generations }];
    mirror.changed(this.watched, session, generations.at(-1) as RecordedGeneration);
  }
}

function mirrorOn(files: Files, events: MirrorEvent[] = [], maxBytes = 1 << 30): RingMirror {
  return new RingMirror(SPOOL, maxBytes, {
    files,
    emit: (event) => events.push(event),
    describe: ({ target }) => ({ version: 1, target }),
    protect: (_, chunks) => Promise.resolve(chunks),
  });
}

async function names(files: Files, target: FakeTarget): Promise<readonly string[]> {
  const folder = `${ringFolder(SPOOL)}/${targetFolder(target.watched.target.name)}`;
  if ((await files.stat(folder)) === undefined) return [];
  return (await files.list(folder)).filter((name) => name.endsWith(".trace"));
}

async function recover(files: Files): Promise<readonly (LeftRing | undefined)[]> {
  await takeRings(files, SPOOL, NOW, Math.random);
  const left = await leftRings(files, SPOOL);
  return Promise.all(left.map((id) => readLeft(files, `${leftFolder(SPOOL)}/${id}`)));
}

/** With hashes for the bytes, and times as a file's name keeps them. */
function comparable({ header, generations, ...session }: RecordedSession): unknown {
  const cut = generations.map(({ bytes: content, wallStart, wallEnd, ...rest }) => ({
    ...rest,
    content: sha256(content),
    wallStart: Math.round(wallStart),
    wallEnd: Math.round(wallEnd),
  }));
  return { ...session, header: [...header], generations: cut };
}

const numbers = (ring: LeftRing | undefined): readonly (readonly number[])[] =>
  ring?.sessions.map(({ generations }) => generations.map(({ number }) => number)) ?? [];

describe("a mirrored ring", () => {
  it.each(sessions)("is on the disk what it is in memory: $format", async (session) => {
    const files = new FaultyFiles(Math.random).session();
    const events: MirrorEvent[] = [];
    const [mirror, target] = [mirrorOn(files, events), new FakeTarget("a")];
    const last = session.generations.length - 1;
    for (let i = 0; i <= last; i++) {
      target.hold(mirror, session, Math.max(0, i - 1), i);
      await mirror.settled();
      expect(await names(files, target)).toHaveLength(Math.min(i + 1, 2));
    }
    const [left] = await recover(files);
    const kept = session.generations.slice(-2);
    expect(left).toMatchObject({ of: { target: { name: "a", labels: { name: "a" } } }, damaged: 0 });
    expect(left?.sessions.map(comparable)).toEqual([
      comparable({ ...session, live: false, generations: kept }),
    ]);
    expect(events).toEqual([]);
  });

  it("is given back without what was torn on the disk, and it is told how much", async () => {
    const files = new FaultyFiles(Math.random).session();
    const [session] = sessions as [RecordedSession];
    const [mirror, target] = [mirrorOn(files), new FakeTarget("a")];
    for (const to of [0, 1]) {
      target.hold(mirror, session, 0, to);
      await mirror.settled();
    }
    const torn = (await names(files, target)).find((name) => name.startsWith(`${session.id}_2_`));
    await files.truncate(`${ringFolder(SPOOL)}/${targetFolder("a")}/${torn}`, 100);
    const [left] = await recover(files);
    expect(left).toMatchObject({ damaged: 1, damagedBytes: 100 });
    expect(numbers(left)).toEqual([[1]]);
  });

  it("goes with its target, and with an agent that ends as it should", async () => {
    const files = new FaultyFiles(Math.random).session();
    const [session] = sessions as [RecordedSession];
    const mirror = mirrorOn(files);
    const [a, b] = [new FakeTarget("a"), new FakeTarget("b")];
    a.hold(mirror, session, 0, 0);
    b.hold(mirror, session, 0, 0);
    await mirror.settled();
    mirror.forget("a");
    await mirror.settled();
    expect([await names(files, a), await names(files, b)]).toEqual([[], [expect.any(String)]]);
    expect(mirror.bytes).toBe(16 + (session.generations[0]?.byteLength ?? 0));
    await mirror.close();
    expect(await recover(files)).toEqual([]);
  });

  it("keeps within its bound, over all targets the oldest goes", async () => {
    const files = new FaultyFiles(Math.random).session();
    const events: MirrorEvent[] = [];
    const [session] = sessions as [RecordedSession];
    const size = Math.max(...session.generations.map(({ byteLength }) => byteLength)) + 16;
    const mirror = mirrorOn(files, events, size);
    const [a, b] = [new FakeTarget("a"), new FakeTarget("b")];
    a.hold(mirror, session, 0, 0);
    await mirror.settled();
    b.hold(mirror, session, 1, 1);
    await mirror.settled();
    // Again: what gave way is not written anew.
    a.hold(mirror, session, 0, 0);
    await mirror.settled();
    expect(mirror.bytes).toBeLessThanOrEqual(size);
    expect(await names(files, a)).toEqual([]);
    expect(await names(files, b)).toHaveLength(1);
    expect(events).toEqual([{ kind: "ring.mirror_skipped", target: "a", generations: 1, reason: "bound" }]);
  });

  it("tells of a disk that fails once, counts what is not there, and goes on", async () => {
    const disk = new FaultyFiles(Math.random);
    const files = disk.session();
    const events: MirrorEvent[] = [];
    const session = sessions.reduce((a, b) => (b.generations.length > a.generations.length ? b : a));
    const [mirror, target] = [mirrorOn(files, events), new FakeTarget("a")];
    for (let n = 0; n < 200; n++) disk.failAt(n, "ENOSPC");
    target.hold(mirror, session, 0, 0);
    await mirror.settled();
    target.hold(mirror, session, 1, 1);
    await mirror.settled();
    disk.noMoreFaults();
    target.hold(mirror, session, 1, 1);
    await mirror.settled();
    expect(events).toEqual([
      { kind: "ring.mirror_failed", target: "a", code: "ENOSPC", message: expect.any(String) as string },
      { kind: "ring.mirror_skipped", target: "a", generations: 1, reason: "failed" },
    ]);
    expect(numbers((await recover(files))[0])).toEqual([[session.generations[1]?.number]]);
  });

  it("is not made a capture of again and again", async () => {
    const files = new FaultyFiles(Math.random).session();
    const [session] = sessions as [RecordedSession];
    const target = new FakeTarget("a");
    let recoveredAt: number | undefined;
    const found: number[] = [];
    for (let minute = 0; minute <= 20; minute += 4) {
      const mirror = new RingMirror(SPOOL, 1 << 30, {
        files,
        emit: () => undefined,
        describe: ({ target: of }) => ({
          version: 1,
          target: of,
          ...(recoveredAt !== undefined && { recovered: recoveredAt }),
        }),
        protect: (_, chunks) => Promise.resolve(chunks),
      });
      target.hold(mirror, session, 0, 0);
      await mirror.settled();
      const now = epochMilliseconds(NOW + minute * 60_000);
      const taken = await takeRings(files, SPOOL, now, Math.random);
      recoveredAt = taken.recovered.get("a");
      if (taken.tooSoon.length === 0) found.push(minute);
    }
    expect(found).toEqual([0, 12]);
    expect(await leftRings(files, SPOOL)).toHaveLength(2);
  });

  it("after any failure or power cut gives back only what was recorded, after a kill all of it", async () => {
    const random = fc.record({
      seed: fc.integer(),
      steps: fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }),
      faults: fc.array(fc.nat(60), { maxLength: 3 }),
      cut: fc.boolean(),
      release: fc.constantFrom(...sessions),
    });
    await fc.assert(
      fc.asyncProperty(random, async ({ seed, steps, faults, cut, release }) => {
        let state = seed >>> 0;
        const disk = new FaultyFiles(
          () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32,
        );
        const [mirror, target] = [mirrorOn(disk.session()), new FakeTarget("a")];
        for (const n of faults) disk.failAt(n, "EIO");
        const last = release.generations.length - 1;
        steps.forEach((_, i) => target.hold(mirror, release, 0, Math.min(i, last)));
        await mirror.settled();
        if (cut) disk.powerCut();
        else disk.noMoreFaults();
        const [left] = await recover(disk.session());
        const all = new Map(release.generations.map((each) => [each.number, each.bytes]));
        for (const { generations } of left?.sessions ?? []) {
          for (const { number, bytes: content } of generations) {
            expect(Buffer.from(content).equals(all.get(number) ?? Buffer.alloc(0))).toBe(true);
          }
        }
        if (!cut && faults.length === 0) {
          const held = target.held[0]?.generations.map(({ number }) => number);
          expect(numbers(left)).toEqual([held]);
        }
      }),
      { numRuns: 150 },
    );
  });
});
