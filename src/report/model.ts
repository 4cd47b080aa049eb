/**
 * What a report says, before anything is said of how it looks: sections of tables and sentences. Text, Markdown and
 * HTML are three ways to write the same one.
 */

export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Where a narrow screen may shorten. */
  readonly shrink?: true;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

export type SectionId =
  | "tasks"
  | "regions"
  | "goroutines"
  | "scheduler"
  | "gc"
  | "stuck"
  | "samples"
  | "requests"
  | "logs";

export interface Section {
  readonly id: SectionId;
  readonly title: string;
  /** One line beside the title. */
  readonly summary?: string;
  readonly tables: readonly Table[];
  /** Sentences below the tables. */
  readonly notes: readonly string[];
}

export type Severity = "critical" | "warning" | "info";

/** A finding, ready to be read. */
export interface FindingView {
  readonly severity: Severity;
  readonly title: string;
  readonly sentence: string;
  readonly advice: string;
  readonly evidence: readonly string[];
}

export interface Report {
  /** Trace length, events, Go version, …: name and value. */
  readonly headline: readonly (readonly [string, string])[];
  /** Undefined: findings were not computed. Empty: nothing is wrong. */
  readonly findings: readonly FindingView[] | undefined;
  /** The findings in one sentence. */
  readonly verdict: string | undefined;
  readonly sections: readonly Section[];
  /** What the reader must know of the numbers: gaps, bounds that were met. */
  readonly caveats: readonly string[];
}

export const left = (title: string): Column => ({ title, align: "left" });
export const right = (title: string): Column => ({ title, align: "right" });
/** A column of names. */
export const name = (title: string): Column => ({ title, align: "left", shrink: true });
