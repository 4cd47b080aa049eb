import type { AnalysisResult } from "../../analysis/result.ts";
import { duration, integer, more, plural, printable } from "../format.ts";
import { left, name, right } from "../model.ts";
import type { Section } from "../model.ts";

/** The newest of the logs that were asked for. */
export function logsSection({ logs }: AnalysisResult, rows: number): Section | undefined {
  if (rows === 0) return undefined;
  return {
    id: "logs",
    title: "Logs",
    summary: `${integer(logs.matching)} of ${plural(logs.count, "log")}`,
    tables: [
      {
        columns: [right("at"), right("task"), right("goroutine"), left("category"), name("message")],
        rows: logs.rows
          .slice(-rows)
          .map(({ at_ns: at, task, goroutine, category, message }) => [
            duration(at),
            task === 0 ? "" : String(task),
            goroutine === -1 ? "" : String(goroutine),
            printable(category),
            printable(message),
          ]),
      },
    ],
    notes: more(logs.matching - rows, "older log"),
  };
}
