/** Damaged traces: any bytes give events or a typed error, and the verdict is that of Go's reader. */

import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TraceFormatError } from "../../../src/trace/error.ts";
import { readTrace } from "../../../src/trace/reader.ts";
import { buildGo, goRoot, goUnavailable } from "../../support/go.ts";
import { start } from "../../support/process.ts";
import { requireOrSkip } from "../../support/require.ts";

const SEED = Number(process.env["GOREWIND_FUZZ_SEED"] ?? 20_260_101);
/** Mutants judged by Go too; a longer run is `GOREWIND_FUZZ_V1=200000 npx vitest run test/trace/v1/mutate.test.ts`. */
const MUTANTS = Number(process.env["GOREWIND_FUZZ_V1"] ?? 3000);
/** Mutants written to disk at a time for Go to judge. */
const CHUNK = 1000;
const HEADER = 16;

const skip = requireOrSkip("damaged v1 traces against Go's reader", await goUnavailable());
const testdata = skip ? "" : join(await goRoot(), "src/internal/trace/internal/tracev1/testdata");

/** xorshift32: the same mutants on every machine. */
function randomFrom(seed: number): (below: number) => number {
  let x = seed | 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** One to three small damages after the header. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out = Array.from(bytes);
  for (let left = 1 + random(3); left > 0 && out.length > HEADER + 4; left--) {
    const at = HEADER + random(out.length - HEADER);
    const length = 1 + random(12);
    switch (random(7)) {
      case 0:
        out[at] = random(256);
        break;
      case 1:
        out[at] = out[at]! ^ (1 << random(8));
        break;
      case 2:
        out.splice(at, length);
        break;
      case 3:
        out.splice(at, 0, ...Array.from({ length }, () => random(256)));
        break;
      case 4:
        out.splice(at, 0, ...out.slice(at, at + 4 * length));
        break;
      case 5:
        out[at] = Math.min(255, out[at]! + 1);
        break;
      default:
        // Mostly whole files: a cut one has no frequency and fails for that alone.
        if (random(10) === 0) out = out.slice(0, at);
        else out[at] = [0, 0x7f, 0x80, 0xff][random(4)]!;
    }
  }
  return Uint8Array.from(out);
}

interface Verdict {
  readonly events: number;
  readonly error: TraceFormatError | undefined;
}

/** What ours makes of it. Anything thrown but a TraceFormatError fails the test. */
function judge(bytes: Uint8Array): Verdict {
  let events = 0;
  try {
    for (const rows of readTrace(bytes)) events += rows.length;
  } catch (error) {
    if (!(error instanceof TraceFormatError)) throw error;
    return { events, error };
  }
  return { events, error: undefined };
}

type GoVerdict = readonly [name: string, events: number, error: string];

async function judgeByGo(folder: string): Promise<GoVerdict[]> {
  await using child = await start(await buildGo("test/go/eventdump-v1"), ["verdicts", folder]);
  const out: GoVerdict[] = [];
  child.onLine((stream, line) => {
    if (stream === "stdout") out.push(JSON.parse(line) as GoVerdict);
  });
  const exit = await child.exited;
  expect(exit.code, child.lines("stderr").join("\n")).toBe(0);
  return out;
}

describe.skipIf(skip)("damaged v1 traces", () => {
  const small = skip
    ? []
    : readdirSync(testdata)
        .map((name) => new Uint8Array(readFileSync(join(testdata, name))))
        .filter((bytes) => bytes.length < 8000);
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-v1-mutants-"));
    await buildGo("test/go/eventdump-v1");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(`are judged as by Go, ${MUTANTS} of seed ${SEED}`, { timeout: 60_000 + MUTANTS * 20 }, async () => {
    const random = randomFrom(SEED);
    const disagreements: string[] = [];
    const counts = { read: 0, refused: 0, beyondDouble: 0 };
    for (let from = 0; from < MUTANTS; from += CHUNK) {
      const verdicts = new Map<string, Verdict>();
      for (let i = from; i < Math.min(MUTANTS, from + CHUNK); i++) {
        const mutant = mutate(small[random(small.length)]!, random);
        const name = `m${String(i % CHUNK).padStart(6, "0")}`;
        verdicts.set(name, judge(mutant));
        await writeFile(join(folder, name), mutant);
      }
      for (const [name, events, error] of await judgeByGo(folder)) {
        const ours = verdicts.get(name);
        if (ours === undefined) continue;
        if (ours.error === undefined) counts.read++;
        else if (ours.error.kind === "limit") counts.beyondDouble++;
        else counts.refused++;
        // What no double holds is refused, and said to be; Go reads on.
        if (ours.error?.kind === "limit") continue;
        const same = ours.error === undefined ? error === "" && events === ours.events : error !== "";
        if (!same) {
          disagreements.push(
            `#${from}+${name}: Go ${events} "${error}", ours ${ours.events} "${ours.error?.message}"`,
          );
        }
      }
    }
    expect(disagreements).toEqual([]);
    // Damage that all of it, or none, is refused would test little.
    expect(counts.read).toBeGreaterThan(MUTANTS / 10);
    expect(counts.refused).toBeGreaterThan(MUTANTS / 10);
    expect(counts.beyondDouble).toBeLessThan(MUTANTS / 4);
  });

  it("takes no longer for many waiting Ps than there are events", () => {
    // 20 000 Ps that wait for goroutines nobody makes, while one P runs on: nothing is looked at twice.
    const header = small[0]!.subarray(0, HEADER);
    const bytes = [...header];
    for (let pid = 1; pid <= 20_000; pid++) {
      bytes.push(0x41, ...varint(pid), 1, (1 << 6) * 2 + 14, 1, ...varint(100 + pid), 1);
    }
    bytes.push(0x41, 0, 1);
    for (let i = 0; i < 100_000; i++) bytes.push((1 << 6) + 33, 1, 5);
    bytes.push(2, 100);
    expect(judge(Uint8Array.from(bytes)).error?.detail).toMatch(/no consistent ordering.*: 20000 procs/);
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
