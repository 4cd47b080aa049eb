import { z } from "zod";
import type { Labels, Observation } from "../signals/signal.ts";
import { boundedLabels } from "./match.ts";

/** What Alertmanager posts (webhook_config, version 4); what is not used here is not checked. */
const webhook = z.object({
  alerts: z
    .array(
      z.object({
        status: z.enum(["firing", "resolved"]),
        labels: z.record(z.string(), z.unknown()),
      }),
    )
    .max(1000),
});

export interface Alert {
  readonly labels: Labels;
  readonly observation: Observation;
}

/** The alerts of a webhook's body that are firing, as observations. @throws {z.ZodError} it is no such body. */
export function parseAlerts(body: unknown): readonly Alert[] {
  const { alerts } = webhook.parse(body);
  return alerts
    .filter(({ status }) => status === "firing")
    .map(({ status, labels }) => {
      const kept = boundedLabels(labels);
      return { labels: kept, observation: { signal: "alert", labels: { ...kept, status }, values: [1] } };
    });
}
