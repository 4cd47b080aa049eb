import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DiscoverySet } from "../../src/agent/discovery.ts";
import { startDelay } from "../../src/agent/start-delay.ts";
import { milliseconds } from "../../src/base/units.ts";
import { systemClock } from "../../src/cli/clock.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { DiscoveryEvent } from "../../src/discovery/events.ts";

let folder: string;
let set: DiscoverySet;
let names: readonly string[];
let events: DiscoveryEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-set-"));
  names = [];
  events = [];
  set = new DiscoverySet({
    clock: systemClock,
    random: () => 0.5,
    folder,
    emit: (event) => events.push(event),
    onTargets: (targets) => {
      names = targets.map(({ target }) => target.name).sort();
    },
  });
});
afterEach(async () => {
  await set.stop();
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, ...targets: string[]) =>
  writeFile(join(folder, name), JSON.stringify([{ targets }]));
const apply = (yaml: string): void => set.apply(parseConfig(yaml, join(folder, "gorewind.yaml"), {}));
const until = (wanted: readonly string[]) =>
  vi.waitFor(() => expect(names).toEqual(wanted), { timeout: 10_000, interval: 20 });

describe("DiscoverySet", () => {
  it("has configured targets at once, and discovered ones as they come", async () => {
    await write("a.json", "b:1");
    apply(`
scrape_configs:
  - job_name: j
    static_configs: [{ targets: ["a:1"] }]
    file_sd_configs: [{ files: [a.json] }]
`);
    expect(names).toEqual(["j@a:1"]);
    await until(["j@a:1", "j@b:1"]);
  });

  it("keeps what is recorded when there are too many, and counts the others", async () => {
    const config = `
scrape_configs:
  - { job_name: j, file_sd_configs: [{ files: [a.json] }], target_limit: 2 }
`;
    await write("a.json", "m:1", "n:1");
    apply(config);
    await until(["j@m:1", "j@n:1"]);
    await write("a.json", "a:1", "b:1", "m:1", "n:1");
    await vi.waitFor(() =>
      expect(events.at(-1)).toMatchObject({ kind: "discovery.resolved", active: 2, refused: { limit: 2 } }),
    );
    expect(names).toEqual(["j@m:1", "j@n:1"]);
    await write("a.json", "a:1", "b:1", "n:1");
    await until(["j@a:1", "j@n:1"]);
  });

  it("watches an address once, though it is found twice", async () => {
    await write("a.json", "x:1");
    apply(`
scrape_configs:
  - { job_name: j, file_sd_configs: [{ files: [a.json] }, { files: ["a.json"], refresh_interval: 1m }] }
`);
    await until(["j@x:1"]);
    await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ active: 1, refused: { duplicate: 1 } }));
  });

  it("says of configured targets that rules drop, too, and no more when they do not", () => {
    const config = (regex: string): string => `
scrape_configs:
  - job_name: j
    static_configs: [{ targets: ["a:1", "b:1"] }]
    relabel_configs: [{ source_labels: [__address__], regex: "${regex}", action: keep }]
`;
    apply(config("a:1"));
    expect(names).toEqual(["j@a:1"]);
    expect(events).toEqual([{ kind: "discovery.resolved", job: "j", active: 1, dropped: 1, refused: {} }]);
    apply(config("[ab]:1"));
    expect(names).toEqual(["j@a:1", "j@b:1"]);
    expect(events.at(-1)).toEqual({ kind: "discovery.ended", job: "j" });
  });

  it("goes on through a reload, with what was known until the new configuration has found something", async () => {
    await write("a.json", "a:1");
    const config = (more: string): string => `
scrape_configs:
  - { job_name: j, file_sd_configs: [{ files: [a.json]${more} }] }
`;
    apply(config(""));
    await until(["j@a:1"]);
    const updates = () => events.filter(({ kind }) => kind === "discovery.updated").length;
    const before = updates();
    apply(config(""));
    expect(names).toEqual(["j@a:1"]);
    expect(updates()).toBe(before);
    apply(config(", refresh_interval: 1h"));
    expect(names).toEqual(["j@a:1"]);
    await vi.waitFor(() => expect(updates()).toBe(before + 1));
    apply(`scrape_configs: [{ job_name: j, static_configs: [{ targets: ["z:1"] }] }]`);
    expect(names).toEqual(["j@z:1"]);
    expect(events.at(-1)).toEqual({ kind: "discovery.ended", job: "j" });
  });
});

describe("startDelay", () => {
  it("is none for a single target, and spreads many, each at its own moment in every run", () => {
    expect(startDelay("j@a:1", undefined, 1)).toBe(0);
    const targets = Array.from({ length: 400 }, (_, i) => `j@10.0.0.${i}:6060`);
    const delays = targets.map((target) => startDelay(target, undefined, targets.length));
    expect(delays).toEqual(targets.map((target) => startDelay(target, undefined, targets.length)));
    expect(Math.max(...delays)).toBeLessThan(5000);
    // No half second of the five has more than twice its share.
    const bins = Array.from(
      { length: 10 },
      (_, bin) => delays.filter((d) => Math.floor(d / 500) === bin).length,
    );
    expect(Math.max(...bins)).toBeLessThan(80);
    expect(startDelay("j@a:1", milliseconds(60_000), 1)).toBeGreaterThan(0);
  });
});
