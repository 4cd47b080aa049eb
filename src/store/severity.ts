import type { Manifest } from "../capture/manifest.ts";

const RANKS: Readonly<Record<string, number>> = { info: 1, warning: 2, error: 3, critical: 4, page: 4 };

/** How bad a severity is; one that is not known ranks below all that are. */
export function severityRank(severity: string): number {
  return RANKS[severity.toLowerCase()] ?? 0;
}

/** The worst severity among a capture's reasons. */
export function worstSeverity(manifest: Manifest): string {
  let worst = "";
  for (const { severity } of manifest.reasons) {
    if (worst === "" || severityRank(severity) > severityRank(worst)) worst = severity;
  }
  return worst;
}

/** Whether a person asked for the capture. */
export function isManual(manifest: Manifest): boolean {
  return manifest.reasons.some(({ kind }) => kind === "manual" || kind === "signal");
}
