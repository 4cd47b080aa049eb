import { readFile } from "node:fs/promises";

/** USER_HZ: 100 on every Linux that Node runs on (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100;

export interface ProcessFigures {
  /** Processor time since it began. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** What the kernel says of the process whose id is in `pidFile`. @throws the process, or the file, is not there. */
export async function readProcess(pidFile: string): Promise<ProcessFigures> {
  const pid = (await readFile(pidFile, "utf8")).trim();
  if (!/^\d{1,10}$/.test(pid)) throw new Error(`${pidFile} holds no process id`);
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  // The second field is the name in parentheses, which may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentBytes: Number(resident ?? 0) * 1024,
  };
}
