import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import type { CaptureStatus, TargetStatus } from "../../src/http/api.ts";
import { repoRoot } from "./cache.ts";
import { start } from "./process.ts";
import type { Child } from "./process.ts";

/** A line of the agent's log: one event. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string; readonly level: string };

export interface RunningAgent extends AsyncDisposable {
  readonly child: Child;
  readonly url: string;
  /** Folder of the agent's configuration, captures and spool. */
  readonly folder: string;
  /** What it said so far. */
  events(): readonly LogLine[];
  /** The first event, said or to come, that `accepts`. */
  event(accepts: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  targets(): Promise<readonly TargetStatus[]>;
  captures(): Promise<readonly CaptureStatus[]>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  post(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Replaces the configuration file. */
  configure(yaml: string): Promise<void>;
}

export interface AgentOptions {
  /** YAML; `$FOLDER` is the agent's own folder. Without `store`, `spool` and `http` it gets its own. */
  readonly config: string;
  /** Go on in the folder of an earlier agent. */
  readonly folder?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How long it may take to serve; by default 30 s. */
  readonly startsWithinMs?: number;
}

/** Starts the built agent (dist/) as an operator does: `gorewind run --config`. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "gorewind-agent-")));
  const file = join(folder, "gorewind.yaml");
  const configure = async (yaml: string): Promise<void> => writeFile(file, complete(yaml, folder));
  await configure(options.config);
  const child = await start(
    process.execPath,
    [join(repoRoot, "bin", "gorewind.mjs"), "run", "--config", file],
    {
      env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", ...options.env },
    },
  );
  const event = async (accepts: (line: LogLine) => boolean, timeoutMs = 60_000): Promise<LogLine> =>
    parse(await child.line((line) => line.startsWith("{") && accepts(parse(line)), { timeoutMs }));
  const started = await event((line) => line.event === "agent.started", options.startsWithinMs);
  const url = String(started["address"]);
  const call = async (method: "GET" | "POST", path: string): Promise<{ status: number; text: string }> => {
    const { statusCode, body } = await request(`${url}${path}`, { method });
    return { status: statusCode, text: await body.text() };
  };
  return {
    child,
    url,
    folder,
    events: () =>
      child
        .lines("stdout")
        .filter((line) => line.startsWith("{"))
        .map(parse),
    event,
    targets: async () =>
      (JSON.parse((await call("GET", "/api/v1/targets")).text) as { targets: TargetStatus[] }).targets,
    captures: async () =>
      (JSON.parse((await call("GET", "/api/v1/captures")).text) as { captures: CaptureStatus[] }).captures,
    get: (path) => call("GET", path),
    post: (path) => call("POST", path),
    configure,
    [Symbol.asyncDispose]: async () => {
      await child.stop(20_000);
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

function parse(line: string): LogLine {
  return JSON.parse(line) as LogLine;
}

function complete(yaml: string, folder: string): string {
  const missing = [
    ["store", `store: { kind: filesystem, path: $FOLDER/captures }`],
    ["spool", `spool: { path: $FOLDER/spool }`],
    ["http", `http: { listen: "127.0.0.1:0" }`],
    ["log", `log: { level: debug }`],
  ] as const;
  const added = missing.filter(([key]) => !new RegExp(`^${key}:`, "m").test(yaml)).map(([, line]) => line);
  return [yaml, ...added, ""].join("\n").replaceAll("$FOLDER", folder);
}
