import { watch } from "node:fs";
import { basename, dirname } from "node:path";
import { Agent } from "../agent/agent.ts";
import { errorMessage } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import { Telemetry } from "../telemetry/telemetry.ts";
import { systemClock } from "./clock.ts";
import { readConfigFile } from "./config-file.ts";
import { createHealthReader } from "./health.ts";
import type { CommandIo } from "./io.ts";

export interface RunOptions {
  readonly config: string;
  /** Reload when the file changes. */
  readonly watch: boolean;
}

/** A ConfigMap's update is several changes of its folder; they are taken together. */
const SETTLE = milliseconds(500);

/** `gorewind run`: the agent, until a signal ends it. */
export async function run(options: RunOptions, io: CommandIo): Promise<number> {
  const readConfig = () => readConfigFile(options.config, io.env);
  const config = await readConfig();
  const telemetry = new Telemetry({ log: config.options.log, version: io.version, node: io.node });
  const agent = await Agent.start(config, {
    clock: systemClock,
    random: Math.random,
    telemetry,
    identity: { version: io.version, host: io.host },
    readConfig,
    environment: io.env,
    health: createHealthReader(io.usage, config.options.spool.path),
  });
  // A refused configuration was reported by the agent; it goes on with the one it has.
  const reload = (): void => void agent.reload().catch(() => undefined);
  const watcher = options.watch ? watchFile(options.config, config.hash, reload, io) : undefined;
  const offReload = io.onSignal(["SIGHUP"], reload);
  const offCapture = io.onSignal(["SIGUSR2"], () => agent.captureAll("asked for by SIGUSR2"));
  const signal = await new Promise<string>((resolve) => {
    let stopping = false;
    io.onSignal(["SIGINT", "SIGTERM"], (name) => {
      // The second one means now: the spool is safe at any moment.
      if (stopping) io.exit(1);
      stopping = true;
      resolve(name);
    });
  });
  watcher?.close();
  offReload();
  offCapture();
  await agent.stop(signal);
  return 0;
}

/** Watches the file's folder, since editors and Kubernetes replace files instead of writing them. */
function watchFile(file: string, hash: string, onChange: () => void, io: CommandIo): { close(): void } {
  let known = hash;
  let timer: NodeJS.Timeout | undefined;
  const settle = async (): Promise<void> => {
    const next = await readConfigFile(file, io.env).then(
      (config) => config.hash,
      () => "unreadable",
    );
    if (next === known) return;
    known = next;
    onChange();
  };
  const watcher = watch(dirname(file), (_, name) => {
    // `..data` is the link that Kubernetes swaps.
    if (name !== null && name !== basename(file) && name !== "..data") return;
    clearTimeout(timer);
    timer = setTimeout(() => void settle(), SETTLE);
  });
  watcher.on("error", (error) => io.err(`cannot watch ${file}: ${errorMessage(error)}\n`));
  return {
    close: () => {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
