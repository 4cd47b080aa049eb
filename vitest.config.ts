import { defineConfig } from "vitest/config";

// The quick part, run on other Node versions as well: what needs no Go, no browser and no servers.
const quick = process.env["GOREWIND_QUICK"] === "1";
const slow = ["test/e2e/**", "test/support/**", "test/scripts/**", "test/**/*.slow.test.ts"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: quick ? slow : [],
    globalSetup: ["test/support/prepare.ts"],
    testTimeout: 30_000,
    hookTimeout: 240_000,
    // Two cores: each file gets a process of its own, two at a time.
    pool: "forks",
    maxWorkers: 2,
  },
});
