import { z } from "zod";

/** `log:` */
export const logOptions = z
  .strictObject({
    level: z
      .enum(["debug", "info", "warn", "error", "silent"])
      .default("info")
      .describe(
        "Lines below this level are not written. error: data was lost or a person is needed; warn: it recovered.",
      ),
  })
  .prefault({});

export type LogOptions = z.output<typeof logOptions>;
