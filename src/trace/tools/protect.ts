import type { PrivacyPolicy, PrivateKind, Rename } from "../../base/privacy.ts";
import { isStandard, standardFile } from "../../base/standard-library.ts";
import { replaceStrings } from "./anonymize.ts";
import { runtimeTexts, type StringUse } from "./string-uses.ts";

/**
 * Rewrites a trace so that it holds nothing that the policy names. It still opens in `go tool trace`, with every event;
 * what Go itself contributes stays, and so do ids, times and sizes.
 *
 * @throws {TraceFormatError} the trace cannot be read: then nothing of it may be shown.
 */
export function protectTrace(trace: Uint8Array, policy: PrivacyPolicy, rename: Rename): Uint8Array {
  const named = new Set(policy);
  const instead = (kind: PrivateKind, text: string): string => (named.has(kind) ? rename(kind, text) : text);
  const replace = (text: string, use: StringUse): string => {
    if (text === "") return text;
    switch (use) {
      case "log":
        return instead("log_values", text);
      case "name":
        return runtimeTexts.has(text) ? text : instead("task_names", text);
      case "label":
        return runtimeTexts.has(text) ? text : instead("labels", text);
      case "func":
        return isStandard(text) || text === "main.main" ? text : instead("functions", text);
      case "standard-file":
        return named.has("file_paths") ? (standardFile(text) ?? rename("file_paths", text)) : text;
      case "file":
        return instead("file_paths", text);
      default:
        // Nothing that we read refers to it. The runtime's own are known; of any other nobody can say what it is.
        if (runtimeTexts.has(text)) return text;
        if (named.has("log_values")) return rename("log_values", text);
        return instead("task_names", text);
    }
  };
  return replaceStrings(trace, { replace });
}
