import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { run, start } from "./process.ts";
import { requireOrSkip } from "./require.ts";

const node = (script: string): readonly string[] => ["-e", script];

it("finds a line already written and one still to come", async () => {
  await using child = await start(
    process.execPath,
    node("console.log('one'); process.stdin.resume(); setTimeout(() => console.error('two'), 50)"),
  );
  expect(await child.line((line) => line === "one")).toBe("one");
  expect(await child.line((line) => line === "two", { stream: "stderr" })).toBe("two");
  expect(await child.line((line) => line === "one")).toBe("one");
});

it("says what the program wrote when the line does not come", async () => {
  const child = await start(process.execPath, node("console.error('no config'); process.exit(3)"));
  await expect(child.line((line) => line === "ready")).rejects.toThrow(/"code":3[^]*no config/);

  await using silent = await start(process.execPath, node("setInterval(() => {}, 1000)"));
  await expect(silent.line(() => true, { timeoutMs: 50 })).rejects.toThrow("within 50 ms");
});

it("kills what does not end on SIGTERM", async () => {
  const child = await start(
    process.execPath,
    node("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"),
  );
  await child.line((line) => line === "up");
  expect(await child.stop(100)).toEqual({ code: null, signal: "SIGKILL" });
  expect(child.running).toBe(false);
});

const noSetpriv = existsSync("/usr/bin/setpriv") ? undefined : "setpriv (util-linux) is missing";
it.skipIf(requireOrSkip("the end of children with their parent", noSetpriv))(
  "lets no child outlive the process that started it, even when that is killed",
  async () => {
    const support = JSON.stringify(new URL("./process.ts", import.meta.url).pathname);
    const parent = `
      import { createServer } from "vite";
      const server = await createServer({ configFile: false, server: { middlewareMode: true, ws: false }, appType: "custom" });
      const { start } = await server.ssrLoadModule(${support});
      const child = await start(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      console.log("child " + child.pid);`;
    const outer = await start(process.execPath, ["--input-type=module", "-e", parent]);
    const pid = Number((await outer.line((line) => line.startsWith("child "))).slice("child ".length));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await outer.kill9();
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 10_000 }).toBe(false);
  },
);

it("passes on input, output and exit code", async () => {
  const script = "process.stdin.pipe(process.stdout); process.exitCode = 7";
  expect(await run(process.execPath, node(script), { input: "hello" })).toEqual({
    exitCode: 7,
    stdout: "hello",
    stderr: "",
  });
  await expect(run("no-such-program", [])).rejects.toThrow("ENOENT");
});
