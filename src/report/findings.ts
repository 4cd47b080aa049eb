import type { EvidenceNumber, Finding } from "../analysis/findings/result.ts";
import type { AnalysisResult } from "../analysis/result.ts";
import { duration, integer, percent, printable, significant } from "./format.ts";
import type { FindingView } from "./model.ts";

/** Goroutines named in a line. */
const MAX_GOROUTINES = 5;

/** What is wrong, most serious first; undefined where it was not looked for. */
export function findingViews({ findings }: AnalysisResult): FindingView[] | undefined {
  return findings?.findings.map((finding) => ({
    severity: finding.severity,
    title:
      finding.about === null
        ? finding.title
        : `${finding.title} (${finding.about.kind} ${printable(finding.about.name)})`,
    sentence: printable(finding.sentence),
    advice: finding.advice,
    evidence: evidence(finding),
  }));
}

function evidence({ numbers, range, goroutines, stacks, threshold }: Finding): string[] {
  const told = numbers.map((each) => `${each.name} ${numberText(each)}`).join(", ");
  const ids = [...new Set(goroutines)];
  const who = ids.slice(0, MAX_GOROUTINES).join(", ") + (ids.length > MAX_GOROUTINES ? ", …" : "");
  return [
    ...stacks.slice(0, 2).map(({ role, stack, function: func }) => {
      const frame = stack.find((each) => each.func === func);
      return `${role}: ${printable(func)}${frame === undefined ? "" : ` (${printable(shortFile(frame.file))}:${frame.line})`}`;
    }),
    ...(told === "" ? [] : [told]),
    ...(range === null
      ? []
      : [
          `at ${duration(range.begin_at_ns)} to ${duration(range.end_at_ns)}${who === "" ? "" : `, goroutine${ids.length === 1 ? "" : "s"} ${who}`}`,
        ]),
    `reported when ${threshold}`,
  ];
}

function numberText({ value, unit }: EvidenceNumber): string {
  switch (unit) {
    case "ns":
      return duration(value);
    case "share":
      return percent(value);
    case "count":
      return integer(value);
    default:
      return significant(value);
  }
}

/** The last two parts of a path tell a file of Go from others. */
function shortFile(file: string): string {
  return file.split("/").slice(-2).join("/");
}
