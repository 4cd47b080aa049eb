import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { bytes } from "../../src/base/units.ts";
import type { Bytes } from "../../src/base/units.ts";

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What `run` gives the program on its stdin. */
  readonly input?: string;
}

export interface RunResult {
  /** 128 + n when a signal ended it, as a shell says it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and gives what it wrote. Rejects only when it could not be started. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { input, ...environment } = options;
  const child = spawn(command, args, { ...environment, stdio: "pipe" });
  live.add(child);
  child.stdin.on("error", () => {}); // EPIPE of a program that does not read all of it
  child.stdin.end(input);
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on("data", (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.stderr.push(chunk));
  const exit = await exitOf(child);
  return {
    exitCode: exit.code ?? 128 + signalNumber(exit.signal),
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type OutputStream = "stdout" | "stderr";

/** Lines kept of each stream: at twice as many the older half is dropped. */
const KEPT_LINES = 10_000;

/**
 * A program started by a test. Its output is kept by lines; it dies with the test: by `await using`, by `stop()`,
 * and at the latest with the process that runs the tests.
 */
export class Child implements AsyncDisposable {
  readonly pid: number;
  /** Resolves when the program has ended and its output is read. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #lines: Readonly<Record<OutputStream, string[]>> = { stdout: [], stderr: [] };
  readonly #listeners = new Set<(stream: OutputStream, line: string) => void>();
  #exit: Exit | undefined;

  constructor(process: ChildProcess, pid: number) {
    this.pid = pid;
    this.#process = process;
    this.#read("stdout");
    this.#read("stderr");
    this.exited = exitOf(process).then((exit) => (this.#exit = exit));
    this.exited.catch(() => {});
  }

  #read(stream: OutputStream): void {
    const source = this.#process[stream];
    if (source === null) return;
    createInterface({ input: source, crlfDelay: Infinity }).on("line", (line) => {
      const kept = this.#lines[stream];
      kept.push(line);
      if (kept.length >= 2 * KEPT_LINES) kept.splice(0, KEPT_LINES);
      for (const listener of this.#listeners) listener(stream, line);
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Sees every line from now on, also those that are no longer kept. */
  onLine(listener: (stream: OutputStream, line: string) => void): void {
    this.#listeners.add(listener);
  }

  /** What it has written so far. */
  lines(stream: OutputStream): readonly string[] {
    return this.#lines[stream];
  }

  /**
   * The first line, of those already written and those to come, that `accepts` says yes to. Rejects when the
   * program ends without one or after `timeoutMs`, with the end of its output in the message.
   */
  async line(
    accepts: (line: string) => boolean,
    options: { readonly stream?: OutputStream; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const { stream = "stdout", timeoutMs = 30_000 } = options;
    const seen = this.#lines[stream].find(accepts);
    if (seen !== undefined) return seen;
    return new Promise<string>((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
      };
      const fail = (why: string): void => {
        finish();
        reject(new Error(`${why}\n${this.#tail()}`));
      };
      const listener = (from: OutputStream, line: string): void => {
        if (from !== stream || !accepts(line)) return;
        finish();
        resolve(line);
      };
      const timer = setTimeout(() => fail(`no such line on ${stream} within ${timeoutMs} ms`), timeoutMs);
      this.#listeners.add(listener);
      // A turn later, so that a last line that came together with the end is seen first.
      this.exited.then(
        (exit) => setImmediate(fail, `the program ended first: ${JSON.stringify(exit)}`),
        (error: unknown) => fail(String(error)),
      );
    });
  }

  #tail(): string {
    return [...this.#lines.stdout.slice(-20), ...this.#lines.stderr.slice(-20)].join("\n");
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** SIGKILL, as the kernel's out-of-memory killer does it. */
  async kill9(): Promise<Exit> {
    this.#process.kill("SIGKILL");
    return this.exited;
  }

  /** SIGTERM; SIGKILL when that was not enough after `graceMs`. */
  async stop(graceMs = 10_000): Promise<Exit> {
    if (!this.running) return this.exited;
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts a program. One that does not exist ends with exit code 127, as in a shell, or rejects here. */
export async function start(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Child> {
  const [program, ...rest] = [...diesWithParent, command, ...args] as [string, ...string[]];
  const child = spawn(program, rest, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  live.add(child);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  if (child.pid === undefined) throw new Error(`${command} has no process id`);
  return new Child(child, child.pid);
}

/** Lets the kernel kill a child when the process that runs the tests is killed, where setpriv (util-linux) is. */
const diesWithParent: readonly string[] = existsSync("/usr/bin/setpriv")
  ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"]
  : [];

const live = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      live.delete(child);
      reject(error);
    });
    child.once("close", (code, signal) => {
      live.delete(child);
      resolve({ code, signal });
    });
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === "SIGKILL" ? 9 : signal === "SIGTERM" ? 15 : 0;
}

export interface MemoryUse {
  /** Resident set now: VmRSS. */
  readonly resident: Bytes;
  /** The most it ever was: VmHWM. */
  readonly peak: Bytes;
}

/** What the kernel says of a process's memory (proc(5)). */
export async function memoryOf(pid: number): Promise<MemoryUse> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { resident: kibibytes(status, "VmRSS"), peak: kibibytes(status, "VmHWM") };
}

function kibibytes(status: string, field: string): Bytes {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status);
  if (match === null) throw new Error(`no ${field} in /proc/PID/status: the process has ended`);
  return bytes(Number(match[1]) * 1024);
}

/** USER_HZ, the unit of the times in /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Processor time a process has used so far, user and system, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** How many files and sockets a process holds open. */
export async function openFilesOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
