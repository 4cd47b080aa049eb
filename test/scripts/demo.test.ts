import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { repoRoot } from "../support/cache.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("the demo", await goUnavailable());

/** The PATH without the folders that hold a go command. */
const withoutGo = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => {
    try {
      return !readdirSync(folder).includes("go");
    } catch {
      return false;
    }
  })
  .join(":");

describe.skipIf(skip)("npm run demo", () => {
  it.each([
    ["a real Go service", {}, /service {3}examples\/shop, built with go1/],
    ["a recording, where there is no Go", { PATH: withoutGo }, /Go is not on this machine: a recorded trace/],
  ])("shows %s, captures it, and ends by itself", { timeout: 120_000 }, async (_, env, service) => {
    const { exitCode, stdout } = await run(
      process.execPath,
      [join(repoRoot, "scripts", "demo.mjs"), "--for", "12s"],
      {
        env: { ...process.env, ...env },
      },
    );
    expect(stdout).toMatch(service);
    expect(stdout).toMatch(/^stream {4}up: trace format Go 1\.\d\d$/m);
    expect(stdout).toMatch(/^trigger {3}slow-checkout: .* above 50ms$/m);
    const folder = /^ {10}go tool trace (.*)\/trace\.out$/m.exec(stdout)?.[1] ?? "";
    const opened = await goToolTrace(join(folder, "trace.out"), {
      keep: (line) => line.includes("TaskBegin"),
    });
    expect(opened).toMatchObject({ exitCode: 0, stderr: "" });
    expect(opened.lines.some((line) => line.includes('"checkout"'))).toBe(true);
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as {
      reasons: { rule: string }[];
    };
    expect(manifest.reasons[0]?.rule).toBe("slow-checkout");
    expect(exitCode).toBe(0);
    rmSync(dirname(folder), { recursive: true, force: true });
  });
});
