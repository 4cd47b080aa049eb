import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { profileKinds, profileOf } from "../../src/analysis/profile.ts";
import { decodeProfile } from "../../src/pprof/decode.ts";
import { encodeProfile } from "../../src/pprof/encode.ts";
import { functionTotals } from "../../src/pprof/profile.ts";
import type { Profile } from "../../src/pprof/profile.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { sharedTrace, sharedTracePath, sharedTraces, skipShared } from "./traces.ts";

const run = promisify(execFile);
const skipGo = requireOrSkip("profiles against go tool trace", await goUnavailable());
const blocking = profileKinds.filter((kind) => kind !== "cpu");

/** Every record as text, in an order of its own: profiles do not tell any. */
function records(profile: Profile): string[] {
  return profile.samples
    .map(({ values, stack }) => {
      const frames = stack.map(({ pc, func, file, line }) => `${pc.toString(16)} ${func} ${file}:${line}`);
      return `${values.join(" ")}\n  ${frames.join("\n  ")}`;
    })
    .sort();
}

async function goProfile(name: string, kind: string): Promise<Profile> {
  const args = ["tool", "trace", `-pprof=${kind}`, sharedTracePath(name)];
  const { stdout } = await run("go", args, { encoding: "buffer", maxBuffer: 1 << 28 });
  return decodeProfile(gunzipSync(stdout));
}

describe.skipIf(skipShared || skipGo)("profiles", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-profile-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const cases = sharedTraces.flatMap((name) => blocking.map((kind) => [name, kind] as const));
  test.each(cases)("%s: %s --compat is go tool trace's, record by record", async (name, kind) => {
    const ours = profileOf(readTrace(sharedTrace(name)), { kind, compat: true });
    const theirs = await goProfile(name, kind);
    expect(theirs.samples.length).toBeGreaterThan(0);
    expect(records(ours)).toEqual(records(theirs));
    expect(ours.sampleTypes).toEqual(theirs.sampleTypes);
    expect(ours.periodType).toEqual(theirs.periodType);
    expect(ours.period).toBe(theirs.period);
  });

  test.each(profileKinds)("go tool pprof opens the %s profile and sums it as we do", async (kind) => {
    const profile = profileOf(readTrace(sharedTrace("tour-go1.26")), { kind });
    const file = join(folder, `${kind}.pb.gz`);
    await writeFile(file, gzipSync(encodeProfile(profile)));
    const args = ["tool", "pprof", "-top", "-nodecount=1000000", "-nodefraction=0", "-unit=ns", file];
    const { stdout } = await run("go", args, { maxBuffer: 1 << 28 });
    const rows = stdout.split("\n").flatMap((line) => {
      const match = /^\s*(\d+)(?:ns)?\s+\S+%\s+\S+%\s+(\d+)(?:ns)?\s+\S+%\s+(.+?)(?: \(inline\))?$/.exec(
        line,
      );
      return match === null ? [] : [`${match[3]} ${match[1]} ${match[2]}`];
    });
    expect(rows.length).toBeGreaterThan(5);
    const totals = functionTotals(profile).map(
      ({ func, flat, cumulative }) => `${func} ${flat} ${cumulative}`,
    );
    expect(rows.sort()).toEqual(totals.sort());
  });
});
