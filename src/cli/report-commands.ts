import { Option, type Command } from "commander";
import type { AnalyzeArguments } from "./analyze.ts";
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
    .action(async (file: string, args: AnalyzeArguments) => {
      const { analyzeCommand } = await import("./analyze.ts");
      done(await analyzeCommand(file, args, io));
    });
}
