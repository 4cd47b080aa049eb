import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PRIVATE_KINDS, replacement, type PrivateKind, type Rename } from "../../src/base/privacy.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { protectTrace } from "../../src/trace/tools/protect.ts";
import { wireLines } from "../../src/trace/text.ts";
import { buildTrace } from "../support/trace-builder.ts";
import { collect, sharedTrace, v2Releases } from "./support.ts";

/** Codes in the order of the texts, for tests to read. */
function countingRename(): Rename {
  const codes = new Map<string, string>();
  return (kind, text) => {
    const key = `${kind} ${text}`;
    if (!codes.has(key)) codes.set(key, String(codes.size + 1));
    return replacement(kind, codes.get(key) ?? "");
  };
}

function example(): Uint8Array {
  const trace = buildTrace(26);
  const thread = trace.generation().thread(1);
  const own = { func: "example.com/pay.Charge", file: "/home/ada/pay.go" };
  const http = { func: "net/http.serve", file: "/home/ada/sdk/src/net/http/server.go" };
  thread
    .emit("ProcStatus", { p: 0, pstatus: "Running" })
    .emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
  thread.emit("UserTaskBegin", { task: 1, name_string: "invoice", stack: [own, http] });
  thread.emit("UserRegionBegin", { task: 1, name_string: "charging" });
  thread.emit("UserLog", { task: 1, key_string: "customer", value_string: "ada@example.com" });
  thread.emit("GoBlock", { reason_string: "chan receive", stack: [own] });
  return trace.bytes();
}

function stringsOf(trace: Uint8Array): string {
  return [...wireLines(trace)].filter((line) => line.includes("data=")).join("\n");
}

describe("a privacy policy on a trace", () => {
  it.each<[PrivateKind, RegExp, readonly string[]]>([
    [
      "log_values",
      /ada@example/,
      ["invoice", "charging", "customer", "/home/ada/pay.go", "example.com/pay.Charge"],
    ],
    ["task_names", /invoice|charging|customer/, ["ada@example.com", "/home/ada/pay.go"]],
    ["file_paths", /\/home\/ada/, ["invoice", "example.com/pay.Charge", "/go/src/net/http/server.go"]],
    ["functions", /example\.com\/pay/, ["invoice", "net/http.serve", "/home/ada/pay.go"]],
    ["labels", /nothing of it/, ["invoice", "ada@example.com", "/home/ada/pay.go"]],
  ])("%s replaces those and nothing else", (kind, gone, kept) => {
    const strings = stringsOf(protectTrace(example(), [kind], countingRename()));
    expect(strings).not.toMatch(gone);
    for (const text of [...kept, "chan receive"]) expect(strings).toContain(`"${text}"`);
  });

  it.each(v2Releases)("keeps every event of Go %s", (release) => {
    const original = readFileSync(sharedTrace(release));
    const { rows, error } = collect(readTrace(protectTrace(original, PRIVATE_KINDS, countingRename())));
    expect(error).toBeUndefined();
    expect(rows.length).toBe(collect(readTrace(original)).rows.length);
  });

  it("refuses what it cannot read", () => {
    const old = new TextEncoder().encode("go 1.21 trace\0\0\0 and more");
    expect(() => protectTrace(old, ["log_values"], countingRename())).toThrow();
    const cut = example().subarray(0, -40);
    expect(() => protectTrace(cut, ["log_values"], countingRename())).toThrow();
  });
});
