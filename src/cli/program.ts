import { Command, CommanderError } from "commander";
import { ConfigError, errorMessage, GorewindError } from "../base/errors.ts";
import { addCaptureCommands } from "./captures/commands.ts";
import type { CheckArguments } from "./check.ts";
import type { CommandIo } from "./io.ts";
import { addTraceCommands } from "./trace/commands.ts";
import type { ReplayArguments } from "./replay.ts";
import { addReportCommands } from "./report-commands.ts";
import type { TriggersArguments } from "./triggers.ts";

/** Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong. */
const FAILED = 1;
const WRONG_USE = 2;

/** Runs one command line (without `node` and the script). Returns the exit code; prints errors, never throws. */
export async function runProgram(args: readonly string[], io: CommandIo): Promise<number> {
  let code = 0;
  const done = (result: number): void => {
    code = result;
  };
  const program = createProgram(io, done);
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
}

function createProgram(io: CommandIo, done: (code: number) => void): Command {
  const program = new Command("gorewind")
    .description(
      "Flight recorder for Go services: keeps the last seconds outside the process, captures them when something goes wrong.",
    )
    .version(io.version)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });

  // Each command's code is loaded when it runs: the agent's libraries cost a third of a second.
  program
    .command("run")
    .description("record the targets of a configuration")
    .requiredOption("-c, --config <file>", "the configuration", io.env["GOREWIND_CONFIG"])
    .option("--no-watch", "do not reload when the file changes (SIGHUP and POST /-/reload always do)")
    .action(async (options: { config: string; watch: boolean }) => {
      const { run } = await import("./run.ts");
      done(await run(options, io));
    });

  const check = program.command("check").description("check files before they are used");
  check
    .command("config <file>")
    .description("check a configuration")
    .option("--lint-fatal", "exit with 3 when there are warnings")
    .action(async (file: string, args: CheckArguments) => {
      const { checkConfig } = await import("./check.ts");
      done(await checkConfig(file, args, io));
    });

  program
    .command("schema")
    .description("print the configuration's JSON Schema, for editors")
    .action(async () => {
      const { printSchema } = await import("./check.ts");
      done(printSchema(io));
    });
  program
    .command("triggers")
    .description("ask a running agent why each rule fires, or does not")
    .option("--agent <url>", "the agent", io.env["GOREWIND_AGENT"] ?? "http://127.0.0.1:7099")
    .option("--rule <name>")
    .option("--target <name>")
    .option("--json")
    .action(async (args: TriggersArguments) => {
      const { showTriggers } = await import("./triggers.ts");
      done(await showTriggers(args, io));
    });

  program
    .command("test")
    .description("run tests of rules")
    .command("triggers <file...>")
    .description("series in, expected firings out")
    .action(async (files: string[]) => {
      const { testTriggers } = await import("./test-triggers.ts");
      done(await testTriggers(files, io));
    });

  program
    .command("replay <recording...>")
    .description(
      "when the rules would have fired, and at what cost: on traces, captures, profiles, metrics, schedtrace lines",
    )
    .requiredOption("-c, --config <file>", "the rules", io.env["GOREWIND_CONFIG"])
    .option("--label <name=value>", "a label of the target, where the recording tells none", collect)
    .option("--target <name>", "all recordings are of this target; default: each is of its own")
    .option("--json")
    .action(async (files: string[], args: ReplayArguments) => {
      const { replayCommand } = await import("./replay.ts");
      done(await replayCommand(files, args, io));
    });

  addReportCommands(program, io, done);
  addTraceCommands(program, io, done);
  addCaptureCommands(program, io, done);
  return program;
}

/** An option that may be given several times. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function report(error: unknown, io: CommandIo): number {
  // Commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  if (error instanceof ConfigError) {
    io.err(`${error.message}\n`);
    return WRONG_USE;
  }
  const hint = error instanceof GorewindError && error.hint !== undefined ? `\n${error.hint}` : "";
  io.err(`gorewind: ${errorMessage(error)}${hint}\n`);
  return FAILED;
}
