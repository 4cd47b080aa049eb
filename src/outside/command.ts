import { spawn } from "node:child_process";
import { kill } from "node:process";
import { environmentOf, type CaptureNotice } from "./notice.ts";
import type { Command } from "./options.ts";

/** Of what a command writes, the end of this length is kept for the log; the rest is read and thrown away. */
const OUTPUT_KEPT = 2048;

/** Of the agent's environment, what a command gets: its credentials are nobody's business. */
const INHERITED = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/**
 * Runs the command with the notice on its standard input, in a process group of its own, of which nothing is left when
 * it has ended or `signal` is aborted.
 *
 * @throws {Error} it cannot be started, or did not end with 0; with the end of what it wrote.
 */
export async function runCommand(
  to: Command,
  notice: CaptureNotice,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  const [program = "", ...args] = to.command;
  const inherited = INHERITED.map((name) => [name, environment[name]] as const);
  const env = { ...Object.fromEntries(inherited), ...to.env, ...environmentOf(notice) };
  let output = "";
  const how = await new Promise<string>((resolve, reject) => {
    const child = spawn(program, args, { env, detached: true, stdio: "pipe" });
    const end = (): void => endGroup(child.pid);
    const onAbort = (): void => {
      end();
      // Who left the group may hold the pipes open; nobody waits for them.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-OUTPUT_KEPT)));
    }
    // It need not read what it is told.
    child.stdin.on("error", () => undefined);
    child.stdin.end(JSON.stringify(notice));
    child.once("error", reject);
    child.once("exit", end);
    child.once("close", (code, killedBy) => {
      signal.removeEventListener("abort", onAbort);
      resolve(code === null ? `was ended by ${killedBy}` : `ended with ${code}`);
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
  signal.throwIfAborted();
  if (how === "ended with 0") return;
  const said = output.trim();
  throw new Error(`${program} ${how}${said === "" ? "" : `: ${said}`}`);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
