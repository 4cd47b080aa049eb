import { Cron } from "croner";
import { z } from "zod";
import { milliseconds, seconds, type Milliseconds } from "../base/units.ts";
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
        url: z
          .url({ protocol: /^https?$/, error: "expected a URL, http or https" })
          .describe("Of the Prometheus server: http://prometheus:9090."),
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

const argument = z.string().max(4096);

/** One who is told: a web hook, a program, or a line for the shell. */
const notification = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Gets a POST of JSON for each capture that is stored."),
    exec: z
      .array(argument, { error: "expected a list, the program and its arguments; a line is for shell" })
      .min(1)
      .max(64)
      .optional()
      .describe(
        "A program and its arguments, run for each capture that is stored. No shell reads them. It has the JSON on its standard input and GOREWIND_… in its environment.",
      ),
    shell: argument
      .min(1)
      .optional()
      .describe('A line for /bin/sh, run as exec is. Quote what it takes: "$GOREWIND_TEXT".'),
    rules: z.array(z.string()).optional().describe("Only captures of these rules. Default: all."),
    headers: z.record(z.string(), z.string()).default({}).describe("url: sent with it."),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
          error: "a variable's name has letters, digits and underscores, and begins with no digit",
        }),
        argument,
      )
      .default({})
      .describe(
        "exec, shell: more for its environment, which has of the agent's own only PATH, HOME, LANG, TZ and TMPDIR.",
      ),
    timeout: duration()
      .refine((value) => value > 0 && value <= 600_000, { error: "expected a timeout of at most 10m" })
      .optional()
      .describe("Default 10s for a url, 30s for a command; then the command is killed with all it started."),
    attempts: z.int().min(1).max(10).optional().describe("Default 3 for a url, 1 for a command."),
  })
  .transform((raw, context): Notification => {
    const { url, exec, shell, rules, headers, env, timeout, attempts } = raw;
    const ways = [url, exec, shell].filter((way) => way !== undefined);
    if (ways.length !== 1) {
      const message = "a notification needs one of url, exec and shell, and not two of them";
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }
    if (url !== undefined) {
      return { kind: "url", url, headers, rules, timeout: timeout ?? seconds(10), attempts: attempts ?? 3 };
    }
    const command = exec ?? ["/bin/sh", "-c", shell ?? ""];
    return { kind: "command", command, env, rules, timeout: timeout ?? seconds(30), attempts: attempts ?? 1 };
  });

/** `notifications:` */
export const notificationsOptions = z
  .array(notification)
  .max(20)
  .default([])
  .describe("Who is told of captures, with the link and the command that opens them.");

/** Which labels of an alert, or of a query's series, tell the target it is about, where its instance does not. */
export const IDENTITY_LABELS = ["job", "service", "namespace", "pod"] as const;

/** Labels of an alert or a series: at most so many are kept, and their values are cut to the schema's length. */
export const MAX_OUTSIDE_LABELS = 30;

export type Schedule = z.output<typeof schedule>;
export type PromqlQuery = z.output<typeof promqlOptions>[number];

/** Who is told of captures, and how. */
export type Notification = WebHook | Command;

interface Receiver {
  /** Undefined: captures of all rules. */
  readonly rules: readonly string[] | undefined;
  /** For each attempt. */
  readonly timeout: Milliseconds;
  readonly attempts: number;
}

export interface WebHook extends Receiver {
  readonly kind: "url";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Command extends Receiver {
  readonly kind: "command";
  /** The program, and its arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}
