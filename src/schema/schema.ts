/**
 * The scalar types of the configuration, as zod schemas: each folder's `options.ts` is composed of these.
 * Input is what YAML gives; output is a branded value, so that nothing downstream parses text again.
 */

import { z } from "zod";
import { parseDuration } from "../base/duration.ts";
import { parseSize } from "../base/size.ts";
import type { Bytes, Milliseconds } from "../base/units.ts";

const DURATION_PATTERN = "^(0|((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|ms|s|m|h|d|w))+)$";
const SIZE_PATTERN = "^\\d+(\\.\\d+)? ?(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)?$";

/** A duration in Go's spelling, `200ms` or `1m30s`; its output is in milliseconds. */
export function duration(): z.ZodType<Milliseconds, string> {
  return z
    .string({ error: "expected a duration such as 200ms, 10s or 1m30s" })
    .meta({ pattern: DURATION_PATTERN, examples: ["200ms", "10s", "1m30s"] })
    .transform((text, context) => {
      const parsed = parseDuration(text);
      if (parsed !== undefined) return parsed;
      context.addIssue({
        code: "custom",
        message: `"${text}" is no duration: write a number and ns, us, ms, s, m, h, d or w, such as 200ms or 1m30s`,
      });
      return z.NEVER;
    });
}

/** A size, `512KiB` or `10MiB`, or a bare number of bytes; its output is in bytes. */
export function size(): z.ZodType<Bytes, string | number> {
  return z
    .union([z.string().meta({ pattern: SIZE_PATTERN }), z.number().int().nonnegative()], {
      error: "expected a size such as 512KiB or 10MiB",
    })
    .meta({ examples: ["512KiB", "10MiB"] })
    .transform((text, context) => {
      const parsed = parseSize(String(text));
      if (parsed !== undefined) return parsed;
      context.addIssue({
        code: "custom",
        message: `"${text}" is no size: write a number and KiB, MiB or GiB (or kB, MB, GB), such as 10MiB`,
      });
      return z.NEVER;
    });
}

/** The name of a pprof endpoint, with what a service may have registered beside the standard ones. */
export function profileName(): z.ZodString {
  return z.string().regex(/^[A-Za-z0-9_.%/-]{1,200}$/, {
    error: "expected a profile's name, such as goroutine: letters, digits and _ . % / -",
  });
}

/** Label names and values as Prometheus allows them; values are bounded. */
export const labels = z.record(
  z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, {
    error: "a label name has letters, digits and underscores, and begins with no digit",
  }),
  z.string().max(256),
);
