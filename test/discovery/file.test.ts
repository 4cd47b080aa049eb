import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { discover, discoveryOptions } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** With an interval so long that only the watch can have seen a change. */
const files = (patterns: string[], refresh = "1h") =>
  discover(discoveryOptions({ file_sd_configs: [{ files: patterns, refresh_interval: refresh }] }), folder);
const put = (name: string, text: string) => writeFile(join(folder, name), text);
const list = (...targets: string[]) => JSON.stringify([{ targets }]);

describe("file_sd_configs", () => {
  it("reads JSON and YAML, by name and by pattern, and says where it was found", async () => {
    await put("shop-1.json", JSON.stringify([{ targets: ["a:1", "b:1"], labels: { zone: "x" } }]));
    await put("shop-2.yaml", "- targets: [c:1]\n  labels: { port: 8080, canary: true }\n");
    await put("other.yml", "- targets: [d:1]\n");
    await put("shop-3.txt", "not this one");
    await using found = files(["shop-*.json", "shop-?.yaml", "other.yml"]);
    await found.until(["a:1", "b:1", "c:1", "d:1"]);
    expect(found.updates[0]?.map(({ labels }) => labels)).toEqual([
      { __meta_filepath: join(folder, "other.yml") },
      { zone: "x", __meta_filepath: join(folder, "shop-1.json") },
      { port: "8080", canary: "true", __meta_filepath: join(folder, "shop-2.yaml") },
    ]);
  });

  it("sees at once what is written, replaced, added and deleted", async () => {
    await put("a.json", list("a:1"));
    await using found = files(["*.json"]);
    await found.until(["a:1"]);
    await put("a.json", list("a:2"));
    await found.until(["a:2"]);
    await put("a.json.new", list("a:3"));
    await rename(join(folder, "a.json.new"), join(folder, "a.json"));
    await found.until(["a:3"]);
    await put("b.json", list("b:1"));
    await found.until(["a:3", "b:1"]);
    await unlink(join(folder, "a.json"));
    await found.until(["b:1"]);
    expect(found.failures).toEqual([]);
  });

  it("sees the swap of a link, as Kubernetes updates a ConfigMap", async () => {
    for (const [version, target] of Object.entries({ v1: "a:1", v2: "b:1" })) {
      await mkdir(join(folder, version));
      await put(`${version}/targets.yaml`, `- targets: ["${target}"]\n`);
    }
    await symlink("v1", join(folder, "..data"));
    await symlink("..data/targets.yaml", join(folder, "targets.yaml"));
    await using found = files(["targets.yaml"]);
    await found.until(["a:1"]);
    await symlink("v2", join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await found.until(["b:1"]);
  });

  it.each([
    ["half a file", '[{"targets": ["a:'],
    ["nothing", ""],
    ["what is no list", "{}"],
    ["an unknown key", '[{"targets": [], "lables": {}}]'],
    ["a label that is no text", '[{"targets": [], "labels": {"a": []}}]'],
  ])("keeps what a file said while it holds %s; the other files go on", async (_, text) => {
    await put("a.json", list("a:1"));
    await put("b.json", list("b:1"));
    await using found = files(["*.json"]);
    await found.until(["a:1", "b:1"]);
    await put("a.json", text);
    await found.failure(/a\.json/);
    await put("b.json", list("b:2"));
    await found.until(["a:1", "b:2"]);
    await put("a.json", list("a:2"));
    await found.until(["a:2", "b:2"]);
  });

  it("finds by its interval what appears in a folder that was not there", async () => {
    await using found = files(["later/*.json"], "200ms");
    await found.failure(/later/);
    await mkdir(join(folder, "later"));
    await put("later/a.json", list("a:1"));
    await found.until(["a:1"]);
  });
});
