import { request } from "undici";
import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Labels, Observation } from "../signals/signal.ts";
import { boundedLabels } from "./match.ts";
import type { PromqlQuery } from "./options.ts";

/** A larger answer is refused: a query for a rule gives a handful of series. */
const MAX_ANSWER = 1024 * 1024;
const MAX_SERIES = 1000;

const answer = z.object({
  status: z.literal("success"),
  data: z.discriminatedUnion("resultType", [
    z.object({
      resultType: z.literal("vector"),
      result: z.array(
        z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
      ),
    }),
    z.object({ resultType: z.literal("scalar"), result: z.tuple([z.number(), z.string()]) }),
  ]),
});

export interface QueryValue {
  readonly labels: Labels;
  readonly observation: Observation;
}

/** Asks one instant query. @throws {Error} the server does not answer, or with something else. */
export async function askPrometheus(query: PromqlQuery, signal: AbortSignal): Promise<readonly QueryValue[]> {
  const url = new URL(`${query.url.replace(/\/$/, "")}/api/v1/query`);
  const { statusCode, body } = await request(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ query: query.query }).toString(),
    headersTimeout: query.timeout,
    bodyTimeout: query.timeout,
    signal,
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER) throw new Error(`the answer is larger than ${MAX_ANSWER} bytes`);
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (statusCode !== 200) throw new Error(`${url.host} answered ${statusCode}: ${text.slice(0, 200)}`);
  return valuesOf(query.name, JSON.parse(text));
}

function valuesOf(name: string, parsed: unknown): readonly QueryValue[] {
  const { data } = answer.parse(parsed);
  const series =
    data.resultType === "scalar" ? [{ metric: {}, value: data.result }] : data.result.slice(0, MAX_SERIES);
  return series.flatMap(({ metric, value: [, text] }) => {
    const value = text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
    if (Number.isNaN(value)) return [];
    const labels = boundedLabels(metric);
    return [
      { labels, observation: { signal: "promql", labels: { ...labels, query: name }, values: [value] } },
    ];
  });
}

/** Asks the query at its interval until `signal` is aborted; a failure is told, and the next turn tries again. */
export async function pollPrometheus(
  query: PromqlQuery,
  clock: Clock,
  onValues: (values: readonly QueryValue[]) => void,
  onFailed: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      onValues(await askPrometheus(query, signal));
    } catch (error) {
      if (!signal.aborted) onFailed(errorMessage(error));
    }
    await clock.sleep(query.interval, signal).catch(() => undefined);
  }
}
