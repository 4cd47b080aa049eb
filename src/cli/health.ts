import { statfs } from "node:fs/promises";
import type { AgentHealth } from "../triggers/limits.ts";
import type { CommandIo } from "./io.ts";

/**
 * Reads how the agent itself is: its share of a core since the reading before, its memory, and the free space where
 * captures wait. What cannot be read is left out.
 */
export function createHealthReader(usage: CommandIo["usage"], spoolPath: string): () => Promise<AgentHealth> {
  let last: { readonly cpuSeconds: number; readonly at: number } | undefined;
  return async () => {
    const { cpuSeconds, residentBytes } = usage();
    const at = performance.now();
    const before = last;
    last = { cpuSeconds, at };
    const disk = await statfs(spoolPath).catch(() => undefined);
    return {
      memoryBytes: residentBytes,
      ...(before !== undefined && {
        cpuRatio: (cpuSeconds - before.cpuSeconds) / ((at - before.at) / 1000),
      }),
      ...(disk !== undefined && { diskFreeBytes: disk.bavail * disk.bsize }),
    };
  };
}
