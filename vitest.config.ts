import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 240_000,
    // Two cores: each file gets a process of its own, two at a time.
    pool: "forks",
    maxWorkers: 2,
  },
});
