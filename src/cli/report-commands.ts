import { Option, type Command } from "commander";
import type { AnalyzeArguments } from "./analyze.ts";
import type { ConvertArguments } from "./convert.ts";
import type { CommandIo } from "./io.ts";

type Done = (code: number) => void;

/** Adds what explains a trace. A FILE may be a trace or a capture's folder. */
export function addReportCommands(program: Command, io: CommandIo, done: Done): void {
  program
    .command("analyze <file>")
    .description("what a trace or a capture says: findings, latencies, waits, scheduler, GC")
    .addOption(
      new Option("--format <format>", "the JSON is described in docs/analysis.md")
        .choices(["text", "json", "markdown", "html"])
        .default("text"),
    )
    .option("-o, --output <file>")
    .option("--worst <n>", "goroutines, tasks and regions told one by one, of each group", "10")
    .option("--logs <text>", "tell the user logs that hold this text in category or message; '' for all")
    .option(
      "--mmu <parts>",
      "what counts as the collector's in the utilization left to the program: a list of stw, background, assist, sweep (default: all four), or none",
    )
    .action(async (file: string, args: AnalyzeArguments) => {
      const { analyzeCommand } = await import("./analyze.ts");
      done(await analyzeCommand(file, args, io));
    });
  program
    .command("schedtrace <file>")
    .description(
      "what a program printed with GODEBUG=schedtrace=MS[,scheddetail=1]; - reads the standard input",
    )
    .addOption(new Option("--format <format>").choices(["table", "json"]).default("table"))
    .action(async (file: string, args: { format: string }) => {
      const { schedtraceCommand } = await import("./schedtrace.ts");
      done(await schedtraceCommand(file, args, io));
    });
  program
    .command("convert <file>")
    .description("a trace for other viewers: Perfetto's protobuf, or Chrome's JSON as go tool trace makes it")
    .addOption(new Option("--to <format>").choices(["perfetto", "chrome"]).makeOptionMandatory())
    .requiredOption("-o, --output <file>")
    .action(async (file: string, args: ConvertArguments) => {
      const { convertCommand } = await import("./convert.ts");
      done(await convertCommand(file, args, io));
    });
}
