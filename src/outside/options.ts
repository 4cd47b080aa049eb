import { Cron } from "croner";
import { z } from "zod";
import { milliseconds } from "../base/units.ts";
import { duration } from "../schema/schema.ts";

const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, {
  error: "a name has letters, digits, dots, dashes and underscores, 63 at most",
});

const schedule = z
  .strictObject({
    name: name.describe("The label `schedule` of the signal `schedule`."),
    cron: z.string().describe("Minute, hour, day of month, month, day of week: 0 3 * * * is three at night."),
    timezone: z.string().default("UTC").describe("An IANA name, such as Europe/Berlin."),
  })
  .superRefine(({ cron, timezone }, context) => {
    try {
      new Cron(cron, { timezone, paused: true }).nextRun();
    } catch (error) {
      context.addIssue({
        code: "custom",
        path: ["cron"],
        message: `"${cron}" is no schedule in ${timezone}: ${String(error)}`,
      });
    }
  });

/** `schedules:` */
export const schedulesOptions = z
  .array(schedule)
  .max(100)
  .default([])
  .describe("Times at which the signal `schedule` comes, for every target.");

/** `promql:` */
export const promqlOptions = z
  .array(
    z
      .strictObject({
        name: name.describe("The label `query` of the signal `promql`."),
        url: z.url({ protocol: /^https?$/ }).describe("Of the Prometheus server: http://prometheus:9090."),
        query: z
          .string()
          .min(1)
          .max(10_000)
          .describe("An instant query; each series of its answer is one value."),
        interval: duration().default(milliseconds(30_000)),
        timeout: duration().default(milliseconds(10_000)),
      })
      .refine(({ interval, timeout }) => timeout <= interval, {
        error: "timeout must be at most interval",
        path: ["timeout"],
      }),
  )
  .max(100)
  .default([])
  .describe("Queries asked of a Prometheus server; rules look at them as the signal `promql`.");

/** `notifications:` */
export const notificationsOptions = z
  .array(
    z.strictObject({
      url: z.url({ protocol: /^https?$/ }).describe("Gets a POST of JSON for each capture that is stored."),
      rules: z.array(z.string()).optional().describe("Only captures of these rules. Default: all."),
      headers: z.record(z.string(), z.string()).default({}),
      timeout: duration().default(milliseconds(10_000)),
      attempts: z.int().min(1).max(10).default(3),
    }),
  )
  .max(20)
  .default([])
  .describe("Who is told of captures, with the link and the command that opens them.");

/** Which labels of an alert, or of a query's series, tell the target it is about, where its instance does not. */
export const IDENTITY_LABELS = ["job", "service", "namespace", "pod"] as const;

/** Labels of an alert or a series: at most so many are kept, and their values are cut to the schema's length. */
export const MAX_OUTSIDE_LABELS = 30;

export type Schedule = z.output<typeof schedule>;
export type PromqlQuery = z.output<typeof promqlOptions>[number];
export type Notification = z.output<typeof notificationsOptions>[number];
