import { Option, type Command } from "commander";
import type { CommandIo } from "../io.ts";
import type { ProfileArguments } from "./profile.ts";
import type { CutArguments } from "./tools.ts";

type Done = (code: number) => void;

/** Adds `trace …` and `profile`. A FILE may be a trace or a capture's folder. */
export function addTraceCommands(program: Command, io: CommandIo, done: Done): void {
  const trace = program.command("trace").description("look into, cut and clean execution traces");
  trace
    .command("dump <file>")
    .description("every event as text, as go tool trace -d prints it")
    .addOption(new Option("--mode <mode>").choices(["parsed", "wire"]).default("parsed"))
    .action(async (file: string, args: { mode: string }) => {
      const { dumpCommand } = await import("./tools.ts");
      done(await dumpCommand(file, args.mode, io));
    });
  trace
    .command("footprint <file>")
    .description("which events the bytes go to")
    .action(async (file: string) => {
      const { footprintCommand } = await import("./tools.ts");
      done(await footprintCommand(file, io));
    });
  trace
    .command("validate <file...>")
    .description("whether Go's tools would read it, and what can be read all the same")
    .action(async (files: string[]) => {
      const { validateCommand } = await import("./tools.ts");
      done(await validateCommand(files, io));
    });
  trace
    .command("cut <file>")
    .description("whole generations of a range of time; the result opens in go tool trace")
    .option("--from <duration>", "from the trace's start")
    .option("--to <duration>")
    .option("--last <duration>", "its end")
    .requiredOption("-o, --output <file>")
    .action(async (file: string, args: CutArguments) => {
      const { cutCommand } = await import("./tools.ts");
      done(await cutCommand(file, args, io));
    });
  trace
    .command("anonymize <file>")
    .description("make names, paths and log values unreadable; symbols of the standard library stay")
    .requiredOption("-o, --output <file>")
    .action(async (file: string, args: { output: string }) => {
      const { anonymizeCommand } = await import("./tools.ts");
      done(await anonymizeCommand(file, args.output, io));
    });
  addProfile(program, io, done);
}

function addProfile(program: Command, io: CommandIo, done: Done): void {
  program
    .command("profile <file>")
    .description("where goroutines waited, or ran, as a pprof file")
    .requiredOption("--kind <kind>", "net, sync, syscall, sched, or cpu (samples in the trace)")
    .requiredOption("-o, --output <file>", "such as sched.pb.gz")
    .option("--compat", "exactly what go tool trace -pprof computes")
    .option("--goroutine <function>", "only goroutines that began in this function")
    .option("--task <type or id>")
    .option("--region <name>")
    .option("--min-latency <duration>", "only waits of at least this")
    .option("--max-latency <duration>", "only shorter ones")
    .option("--from <duration>", "from the trace's start")
    .option("--to <duration>")
    .action(async (file: string, args: ProfileArguments) => {
      const { profileCommand } = await import("./profile.ts");
      done(await profileCommand(file, args, io));
    });
}
