/** What happens while targets are looked for. */
export type DiscoveryEvent =
  | {
      readonly kind: "discovery.updated";
      readonly job: string;
      /** file, http, dns, kubernetes */
      readonly mechanism: string;
      /** Addresses found, before relabeling. */
      readonly addresses: number;
    }
  /** What was known goes on; it is tried again. */
  | {
      readonly kind: "discovery.failed";
      readonly job: string;
      readonly mechanism: string;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** What a job's addresses became. */
  | {
      readonly kind: "discovery.resolved";
      readonly job: string;
      /** Watched from now on. */
      readonly active: number;
      /** By relabeling. */
      readonly dropped: number;
      /** Cannot or may not be watched, by reason. */
      readonly refused: Readonly<Record<string, number>>;
      /** One of the refused, for people. */
      readonly example?: string;
    }
  /** Nothing is left to say of the job: it is no longer configured, or has only fixed targets, all of them watched. */
  | { readonly kind: "discovery.ended"; readonly job: string };
