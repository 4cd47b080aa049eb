/** What a rule decided. Past tense; telemetry makes a line and metrics of each. */
export type TriggerEvent =
  | {
      readonly kind: "trigger.fired";
      readonly rule: string;
      readonly target: string;
      readonly severity: string;
      readonly value: number | undefined;
      readonly threshold: number | undefined;
      readonly unit: string | undefined;
      readonly message: string;
    }
  /** The condition held, and a limit or a mode kept the rule from firing. */
  | {
      readonly kind: "trigger.suppressed";
      readonly rule: string;
      readonly target: string;
      /** cooldown, budget, warm_up, dry_run, skipped, … */
      readonly reason: string;
      readonly message: string;
    };
