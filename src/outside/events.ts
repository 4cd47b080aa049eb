/** What happens between the agent and the world around. */
export type OutsideEvent =
  | { readonly kind: "promql.failed"; readonly query: string; readonly message: string }
  | {
      readonly kind: "notification.sent";
      readonly how: "url" | "command";
      readonly to: string;
      readonly id: string;
    }
  | {
      readonly kind: "notification.failed";
      /** none: the capture could not be read again. */
      readonly how: "url" | "command" | "none";
      readonly to: string;
      readonly id: string;
      readonly message: string;
    };
