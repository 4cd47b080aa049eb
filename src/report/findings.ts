import type { AnalysisResult } from "../analysis/result.ts";
import type { FindingView } from "./model.ts";

/** What is wrong, most serious first; undefined where it was not looked for. */
export function findingViews(_result: AnalysisResult): FindingView[] | undefined {
  return undefined;
}
