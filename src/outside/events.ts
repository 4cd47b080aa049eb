/** What happens between the agent and the world around. */
export type OutsideEvent =
  | { readonly kind: "promql.failed"; readonly query: string; readonly message: string }
  | { readonly kind: "notification.sent"; readonly to: string; readonly id: string }
  | {
      readonly kind: "notification.failed";
      readonly to: string;
      readonly id: string;
      readonly message: string;
    };
