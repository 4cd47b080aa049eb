import { z } from "zod";
import { PRIVATE_KINDS, type PrivacyPolicy } from "../base/privacy.ts";

/** `privacy:` of a scrape config. */
export const privacyOptions = z
  .strictObject({
    anonymize: z
      .union([z.literal("all"), z.array(z.enum(PRIVATE_KINDS))])
      .default([])
      .describe(
        "What is replaced by names that tell nothing before anything of these targets is written to disk: log_values (messages of trace.Log), task_names (tasks, regions, log categories), labels (values of pprof labels and of metrics' labels), file_paths (source files), cmdline (the program's path, build id and comments in profiles), functions (names of the program's own functions); or all.",
      ),
  })
  .transform(({ anonymize }): PrivacyPolicy =>
    anonymize === "all" ? PRIVATE_KINDS : [...new Set(anonymize)],
  );
