import type { CriticalPath } from "../../analysis/causes/paths.ts";
import type { AnalysisResult } from "../../analysis/result.ts";
import { duration, integer, more, percent, plural, printable } from "../format.ts";
import { left, name, right } from "../model.ts";
import type { Section } from "../model.ts";

type Unit = NonNullable<AnalysisResult["causes"]>["units"][number];

/** Requests found in stacks, without any annotation: what slow ones spend their time on. */
export function requestsSection(result: AnalysisResult, rows: number): Section | undefined {
  const units = (result.causes?.units ?? [])
    .filter((unit) => unit.kind === "request")
    .sort((a, b) => b.slow.mean_ns - a.slow.mean_ns);
  if (units.length === 0) return undefined;
  return {
    id: "requests",
    title: "Requests, found in stacks",
    summary: plural(
      units.reduce((sum, unit) => sum + unit.count, 0),
      "request",
    ),
    tables: [
      {
        columns: [
          name("handler"),
          right("count"),
          right("typical"),
          right("slow"),
          left("slow ones spend most on"),
        ],
        rows: units
          .slice(0, rows)
          .map((unit) => [
            printable(unit.name),
            integer(unit.count),
            duration(unit.typical.mean_ns),
            duration(unit.slow.mean_ns),
            mostly(unit),
          ]),
      },
    ],
    notes: more(units.length - rows, "handler"),
  };
}

function mostly({ growth }: Unit): string {
  const [first] = growth;
  return first === undefined ? "-" : `${first.kind} ${percent(first.share)}`;
}

/** The critical path of the slowest task of a type; undefined where none was walked. */
export function slowestPath(
  { causes }: AnalysisResult,
  kind: Unit["kind"],
  type: string,
): CriticalPath | undefined {
  return causes?.units.find((unit) => unit.kind === kind && unit.name === type)?.paths[0];
}

/** `network in net/http.(*persistConn).Read 164ms (48%), …` */
export function pathText({ causes }: CriticalPath, most: number): string {
  return causes
    .slice(0, most)
    .map((cause) => {
      const where = cause.function === "" ? "" : ` in ${printable(cause.function)}`;
      return `${cause.state}${where} ${duration(cause.total_ns)} (${percent(cause.share)})`;
    })
    .join(", ");
}
