import { Command, CommanderError } from "commander";
import { ConfigError, errorMessage, GorewindError } from "../base/errors.ts";
import { addCaptureCommands } from "./captures/commands.ts";
import type { CommandIo } from "./io.ts";
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
    .action(async (file: string) => {
      const { checkConfig } = await import("./check.ts");
      done(await checkConfig(file, io));
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

  addCaptureCommands(program, io, done);
  return program;
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
