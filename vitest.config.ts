import { defineConfig } from "vitest/config";

// What runs real services, servers and browsers, and watches them by the clock.
const slow = ["test/e2e/**", "test/support/**", "test/scripts/**", "test/**/*.slow.test.ts"];

// What needs no other programs: the part that other Node versions run as well.
const portable =
  "base,capture,cli,config,governor,http,observe,outside,pprof,recorder,report,ring,signals,trace,triggers";
const needsPrograms = [
  "test/report/html.test.ts",
  "test/trace/go-reader.test.ts",
  "test/trace/v1/{go-reader,mutate}.test.ts",
];

// GOREWIND_PART: `quick` is all but the slow ones, `portable` a part of that; without it, everything.
const part = process.env["GOREWIND_PART"];

export default defineConfig({
  test: {
    include:
      part === "slow"
        ? slow.map((glob) => glob.replace(/\*\*$/, "**/*.test.ts"))
        : [part === "portable" ? `test/{${portable}}/**/*.test.ts` : "test/**/*.test.ts"],
    exclude: part === "quick" ? slow : part === "portable" ? [...slow, ...needsPrograms] : [],
    globalSetup: ["test/support/prepare.ts"],
    // A bound on what hangs, not a measure of speed: a host with other work may take ten times as long.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    // Two cores: each file gets a process of its own, two at a time; but one at a time where a service, its load and
    // the agent already share the machine, or one test starves the services of another.
    pool: "forks",
    maxWorkers: part === "slow" ? 1 : 2,
  },
});
