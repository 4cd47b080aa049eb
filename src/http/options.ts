import { z } from "zod";

/** `http:` of the agent's own server. */
export const httpOptions = z
  .strictObject({
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s/:@[\]]*):\d{1,5}$/, {
        error: "expected host:port, such as 127.0.0.1:7099, or :7099 for all addresses",
      })
      .default("127.0.0.1:7099")
      .describe(
        "Where metrics, health and the API are served. Loopback unless told otherwise: captures hold stacks and log values.",
      ),
  })
  .prefault({})
  .transform((raw) => {
    const split = raw.listen.lastIndexOf(":");
    const host = raw.listen.slice(0, split).replace(/^\[|\]$/g, "");
    return { host: host === "" ? "::" : host, port: Number(raw.listen.slice(split + 1)) };
  });

export type HttpOptions = z.output<typeof httpOptions>;
