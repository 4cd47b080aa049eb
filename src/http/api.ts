import { Hono } from "hono";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { ConfigError, errorMessage, GorewindError } from "../base/errors.ts";
import { parseDuration } from "../base/duration.ts";
import type { Milliseconds } from "../base/units.ts";
import type { Manifest } from "../capture/manifest.ts";
import { renderPage } from "./page.ts";
import { createPprofRoutes, type PprofApi } from "./pprof.ts";

/** A watched target, as the API shows it. */
export interface TargetStatus {
  readonly name: string;
  readonly job: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
  readonly since: string;
  /** Until when its tracer is let go. */
  readonly until?: string;
  readonly reason: string;
  readonly mode: string;
  readonly trace_format?: string;
  readonly ring: { readonly generations: number; readonly bytes: number; readonly span_seconds: number };
}

/** A capture, as the API shows it: where it is, and its manifest. */
export interface CaptureStatus {
  readonly id: string;
  /** spool: waits on the agent's disk. store: at its destination. */
  readonly place: "spool" | "store";
  readonly location: string;
  /** Of its keys at the destination; empty in the spool. */
  readonly prefix: string;
  readonly manifest: Manifest;
}

/** A file of a capture. */
export interface CaptureDownload {
  readonly contentType: string;
  readonly bytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ManualCapture {
  readonly reason: string;
  /** Milliseconds; absent: the default. */
  readonly before?: number;
  readonly after?: number;
  readonly cpu?: number;
}

/** What HTTP needs of the agent. */
export interface AgentApi {
  /** @param accept the client's header of that name: text or OpenMetrics. */
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Why the agent is not ready, or undefined when it is. */
  unready(): string | undefined;
  /** @throws {ConfigError} the file cannot be used; the old configuration goes on. */
  reload(): Promise<void>;
  targets(): readonly TargetStatus[];
  /** Newest first, at most `limit`. */
  captures(limit: number, signal: AbortSignal): Promise<readonly CaptureStatus[]>;
  capture(id: string, signal: AbortSignal): Promise<CaptureStatus | undefined>;
  download(id: string, file: string, signal: AbortSignal): Promise<CaptureDownload | undefined>;
  /** Links to a stored capture's files that work without credentials; undefined: it is not stored, or has none. */
  links(
    id: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>> | undefined>;
  /** The id of the capture that was begun or joined; undefined when it was refused. */
  trigger(target: string, request: ManualCapture): string | undefined;
  /** Why each rule fires, or does not. Plain data. */
  triggers(filter: { readonly rule?: string; readonly target?: string }): readonly unknown[];
  /** Alertmanager's webhook: how many targets its firing alerts are about. @throws {z.ZodError} it is no such body. */
  alert(body: unknown): number;
  /** The one target `name` means: its name, or its job or address where that is unique. */
  resolveTarget(name: string): string | undefined;
  /** Lets the target's tracer go for so long. Resolves, when it is free, with until when; undefined: it was not. */
  yield(target: string, duration: Milliseconds, reason: string): Promise<string | undefined>;
  /** Ends that before its time. */
  takeBack(target: string): void;
  readonly pprof: PprofApi;
}

const MAX_LISTED = 1000;
const MAX_REASON = 500;
/** Bytes of one webhook body. */
const MAX_ALERTS = 1024 * 1024;
const MAX_YIELD_MS = 86_400_000;
/** The longest that S3 signs. */
const MAX_LINK_SECONDS = 7 * 86_400;

/** A capture's report is looked at in the browser: what is in it may do nothing but show itself. */
const REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The agent's HTTP interface. Errors are JSON: `{ error, hint? }`. */
export function createApi(agent: AgentApi): Hono {
  const app = new Hono();
  app.use((c, next) => {
    if (!isFromOtherSite(c)) return next();
    return Promise.resolve(c.json({ error: "refused: a page of another site asked for it" }, 403));
  });
  app.get("/", (c) => {
    const nonce = crypto.randomUUID();
    c.header(
      "content-security-policy",
      `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'; connect-src 'self'; frame-ancestors 'none'`,
    );
    return c.html(renderPage(nonce));
  });
  app.get("/-/healthy", (c) => c.text("gorewind is healthy.\n"));
  app.get("/-/ready", (c) => {
    const why = agent.unready();
    return why === undefined ? c.text("gorewind is ready.\n") : c.text(`not ready: ${why}\n`, 503);
  });
  app.on(["POST", "PUT"], "/-/reload", async (c) => {
    await agent.reload();
    return c.text("the configuration was reloaded.\n");
  });
  app.get("/metrics", async (c) => {
    const { contentType, text } = await agent.metrics(c.req.header("accept"));
    return c.body(text, 200, { "content-type": contentType, vary: "accept" });
  });
  app.get("/api/v1/targets", (c) => c.json({ targets: agent.targets() }));
  app.post("/api/v1/targets/:name/capture", (c) => triggerCapture(agent, c));
  app.post("/api/v1/targets/:name/yield", (c) => yieldTracer(agent, c));
  app.delete("/api/v1/targets/:name/yield", (c) => {
    const name = agent.resolveTarget(c.req.param("name"));
    if (name === undefined) return noTarget(agent, c);
    agent.takeBack(name);
    return c.json({ target: name });
  });
  app.route("/", createPprofRoutes(agent.pprof));
  app.get("/api/v1/triggers", (c) => {
    const rule = c.req.query("rule");
    const asked = c.req.query("target");
    const target = asked === undefined ? undefined : agent.resolveTarget(asked);
    if (asked !== undefined && target === undefined) return noTarget(agent, c, asked);
    const filter = { ...(rule !== undefined && { rule }), ...(target !== undefined && { target }) };
    return c.json({ triggers: agent.triggers(filter) });
  });
  app.post("/api/v1/alerts", bodyLimit({ maxSize: MAX_ALERTS }), async (c) => {
    try {
      return c.json({ targets: agent.alert(await c.req.json()) });
    } catch (error) {
      const hint = "Alertmanager's webhook_config posts what is expected here, version 4.";
      return c.json({ error: `no alerts: ${errorMessage(error).slice(0, 300)}`, hint }, 400);
    }
  });
  app.get("/api/v1/captures", async (c) => {
    const limit = Number(c.req.query("limit") ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LISTED) {
      return c.json({ error: `limit must be a whole number from 1 to ${MAX_LISTED}` }, 400);
    }
    return c.json({ captures: await agent.captures(limit, c.req.raw.signal) });
  });
  app.get("/api/v1/captures/:id", async (c) => {
    const capture = await agent.capture(c.req.param("id"), c.req.raw.signal);
    return capture === undefined ? notFound(c, "capture") : c.json(capture);
  });
  app.get("/api/v1/captures/:id/links", async (c) => {
    const seconds = Number(c.req.query("expires") ?? 3600);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_LINK_SECONDS) {
      return c.json(
        { error: `expires must be a whole number of seconds from 1 to ${MAX_LINK_SECONDS}` },
        400,
      );
    }
    const links = await agent.links(c.req.param("id"), seconds, c.req.raw.signal);
    return links === undefined ? notFound(c, "stored capture with links") : c.json({ links });
  });
  app.get("/api/v1/captures/:id/:file", async (c) => {
    const file = c.req.param("file");
    const download = await agent.download(c.req.param("id"), file, c.req.raw.signal);
    if (download === undefined) return notFound(c, "file");
    const shown = download.contentType.startsWith("text/html") || download.contentType === "application/json";
    const name = file.replaceAll(/[^A-Za-z0-9._-]/g, "_");
    return c.body(ReadableStream.from(download.body), 200, {
      "content-type": download.contentType,
      "content-length": String(download.bytes),
      "content-disposition": `${shown ? "inline" : "attachment"}; filename="${name}"`,
      "content-security-policy": REPORT_POLICY,
      "x-content-type-options": "nosniff",
    });
  });
  app.notFound((c) => c.json({ error: `there is nothing at ${c.req.path}` }, 404));
  app.onError(answerError);
  return app;
}

/** Whether a page of another site, that a browser here happens to show, wants something changed. */
function isFromOtherSite(c: Context): boolean {
  const site = c.req.header("sec-fetch-site") ?? "none";
  return c.req.method !== "GET" && c.req.method !== "HEAD" && site !== "same-origin" && site !== "none";
}

function triggerCapture(agent: AgentApi, c: Context): Response {
  const name = agent.resolveTarget(c.req.param("name") ?? "");
  if (name === undefined) return noTarget(agent, c);
  const times: { before?: number; after?: number; cpu?: number } = {};
  for (const key of ["before", "after", "cpu"] as const) {
    const text = c.req.query(key);
    if (text === undefined) continue;
    const parsed = parseDuration(text);
    if (parsed === undefined || parsed > 600_000) {
      return c.json({ error: `${key}: expected a duration of at most 10m, such as 5s` }, 400);
    }
    times[key] = parsed;
  }
  const reason = (c.req.query("reason") ?? "asked for over HTTP").slice(0, MAX_REASON);
  const id = agent.trigger(name, { reason, ...times });
  if (id === undefined) return c.json({ error: "too many captures are in progress" }, 429);
  return c.json({ id, target: name, status: `/api/v1/captures/${id}` }, 202);
}

/** `POST …/yield?for=5m`: somebody else needs the process's one tracer. */
async function yieldTracer(agent: AgentApi, c: Context): Promise<Response> {
  const name = agent.resolveTarget(c.req.param("name") ?? "");
  if (name === undefined) return noTarget(agent, c);
  const duration = parseDuration(c.req.query("for") ?? "5m");
  if (duration === undefined || duration <= 0 || duration > MAX_YIELD_MS) {
    return c.json({ error: "for: expected a duration of at most 24h, such as 5m" }, 400);
  }
  const who = (c.req.query("reason") ?? "somebody asked for the tracer").slice(0, MAX_REASON);
  const until = await agent.yield(name, duration, who);
  if (until === undefined) return c.json({ error: `the tracer of ${name} is not ours to let go` }, 409);
  return c.json({ target: name, until });
}

function noTarget(agent: AgentApi, c: Context, name = c.req.param("name")): Response {
  const known = agent
    .targets()
    .slice(0, 50)
    .map((target) => target.name);
  return c.json({ error: `no target is called ${name}`, hint: `targets: ${known.join(", ")}` }, 404);
}

function notFound(c: Context, what: string): Response {
  return c.json({ error: `there is no such ${what}` }, 404);
}

function answerError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) return c.json({ error: error.message || "refused" }, error.status);
  if (error instanceof ConfigError) {
    return c.json(
      { error: "the configuration cannot be used; the one before goes on", problems: error.problems },
      400,
    );
  }
  const hint = error instanceof GorewindError ? error.hint : undefined;
  return c.json({ error: errorMessage(error), ...(hint !== undefined && { hint }) }, 500);
}
