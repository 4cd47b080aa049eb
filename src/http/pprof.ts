/**
 * The `net/http/pprof` of the watched services, served by the agent: a trace comes from what is recorded anyway, so
 * that nobody needs the process's one tracer; everything else is passed on to the service, bounded.
 */

import { Hono, type Context } from "hono";
import { parseDuration } from "../base/duration.ts";
import { epochMilliseconds, milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";

/** Why there is no answer. */
export interface PprofRefusal {
  readonly kind: "refused";
  readonly status: 400 | 404 | 409 | 429 | 502 | 503;
  readonly error: string;
  readonly hint?: string;
}

/** Bytes for the client. `window`: what of the past they cover. */
export interface PprofAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly contentType: string;
  readonly body: ReadableStream<Uint8Array>;
  readonly window?: { readonly start: string; readonly end: string; readonly missing?: string };
}

/** What this needs of the agent. */
export interface PprofApi {
  targets(): readonly string[];
  /** The one target `name` means. */
  resolveTarget(name: string): string | undefined;
  /** The trace from now on, for so long. */
  follow(target: string, duration: Milliseconds, signal: AbortSignal): Promise<PprofAnswer | PprofRefusal>;
  /** The trace of a time that has passed. */
  past(
    target: string,
    from: EpochMilliseconds,
    to: EpochMilliseconds,
    signal: AbortSignal,
  ): Promise<PprofAnswer | PprofRefusal>;
  /** Any other page under `/debug/pprof/` of the service itself. */
  page(
    target: string,
    name: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<PprofAnswer | PprofRefusal>;
  /** The profiles the service says it has. */
  profiles(target: string, signal: AbortSignal): Promise<readonly string[]>;
  now(): EpochMilliseconds;
}

/** As long as anybody looks; Go's own handler knows no bound. */
const MAX_TRACE_MS = 600_000;
/** What Go's handler takes when nothing is said. */
const DEFAULT_TRACE = milliseconds(1000);
/** What a profile endpoint understands; nothing else is passed on. */
const PASSED_PARAMETERS = ["seconds", "debug", "gc"];
const PROFILE_NAME = /^[A-Za-z0-9_.%/-]{1,200}$/;

export function createPprofRoutes(api: PprofApi): Hono {
  const app = new Hono();
  app.get("/debug/pprof", (c) => c.redirect("/debug/pprof/"));
  app.get("/debug/pprof/", (c) => index(api, c));
  app.get("/debug/pprof/trace", (c) => trace(api, c));
  app.get("/debug/pprof/:name{.+}", (c) => profile(api, c));
  return app;
}

async function trace(api: PprofApi, c: Context): Promise<Response> {
  const target = targetOf(api, c);
  if (typeof target !== "string") return refuse(c, target);
  const asked = whenOf(c, api.now());
  if (typeof asked === "string") return refuse(c, { kind: "refused", status: 400, error: asked });
  const { signal } = c.req.raw;
  const answer =
    asked.kind === "live"
      ? await api.follow(target, asked.duration, signal)
      : await api.past(target, asked.from, asked.to, signal);
  return answer.kind === "refused" ? refuse(c, answer) : send(c, answer, "trace");
}

async function profile(api: PprofApi, c: Context): Promise<Response> {
  const target = targetOf(api, c);
  if (typeof target !== "string") return refuse(c, target);
  const name = c.req.param("name") ?? "";
  if (!PROFILE_NAME.test(name) || name.split("/").includes("..")) {
    return refuse(c, { kind: "refused", status: 400, error: "that is no profile's name" });
  }
  const query: Record<string, string> = {};
  for (const key of PASSED_PARAMETERS) {
    const value = c.req.query(key);
    if (value !== undefined) query[key] = value;
  }
  const seconds = query["seconds"];
  if (seconds !== undefined && !(Number(seconds) >= 0 && Number(seconds) * 1000 <= MAX_TRACE_MS)) {
    return refuse(c, { kind: "refused", status: 400, error: "seconds: expected a number from 0 to 600" });
  }
  const answer = await api.page(target, name, query, c.req.raw.signal);
  return answer.kind === "refused" ? refuse(c, answer) : send(c, answer, name);
}

type When =
  | { readonly kind: "live"; readonly duration: Milliseconds }
  | { readonly kind: "past"; readonly from: EpochMilliseconds; readonly to: EpochMilliseconds };

/** `?seconds=5`, `?ago=30s&seconds=10`, or `?from=…&to=…`; a text says what is wrong. */
function whenOf(c: Context, now: EpochMilliseconds): When | string {
  const duration = secondsOf(c.req.query("seconds"));
  if (duration === undefined || duration <= 0 || duration > MAX_TRACE_MS) {
    return "seconds: expected a number up to 600";
  }
  const ago = c.req.query("ago");
  if (ago !== undefined) {
    const back = parseDuration(ago) ?? secondsOf(ago);
    if (back === undefined) return "ago: expected a duration, such as 30s";
    const from = now - back;
    // Without seconds: all from there to now.
    const to = c.req.query("seconds") === undefined ? now : Math.min(now, from + duration);
    return { kind: "past", from: epochMilliseconds(from), to: epochMilliseconds(to) };
  }
  const [first, last] = [c.req.query("from"), c.req.query("to")];
  if (first === undefined && last === undefined) return { kind: "live", duration };
  const from = first === undefined ? undefined : momentOf(first);
  const to = last === undefined ? now : momentOf(last);
  if (from === undefined || to === undefined || from > to) {
    return "from, to: expected two moments in order, such as 2026-01-31T12:00:00.5Z or Unix seconds";
  }
  return { kind: "past", from: epochMilliseconds(from), to: epochMilliseconds(Math.min(to, now)) };
}

function secondsOf(text: string | undefined): Milliseconds | undefined {
  if (text === undefined) return DEFAULT_TRACE;
  const value = text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? milliseconds(value * 1000) : undefined;
}

function momentOf(text: string): number | undefined {
  const at = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(at) ? at : undefined;
}

/** `?target=`, which may be left out when there is one. */
function targetOf(api: PprofApi, c: Context): string | PprofRefusal {
  const wanted = c.req.query("target");
  const targets = api.targets();
  const found = wanted === undefined ? only(targets) : api.resolveTarget(wanted);
  if (found !== undefined) return found;
  const known = targets.slice(0, 50).join(", ");
  return {
    kind: "refused",
    status: wanted === undefined ? 400 : 404,
    error: wanted === undefined ? "say which target with ?target=" : `no target is called ${wanted}`,
    hint: `targets: ${known}`,
  };
}

function only(targets: readonly string[]): string | undefined {
  return targets.length === 1 ? targets[0] : undefined;
}

function send(c: Context, answer: PprofAnswer, name: string): Response {
  const { window } = answer;
  const file = name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return c.body(answer.body, answer.status as 200, {
    "content-type": answer.contentType,
    "x-content-type-options": "nosniff",
    ...(!answer.contentType.startsWith("text/") && {
      "content-disposition": `attachment; filename="${file}"`,
    }),
    ...(window !== undefined && {
      "gorewind-window": `${window.start}/${window.end}`,
      ...(window.missing !== undefined && { "gorewind-missing": window.missing }),
    }),
  });
}

/** As text: `go tool pprof` and `curl` show it as it is. */
function refuse(c: Context, { status, error, hint }: PprofRefusal): Response {
  return c.text(`${error}${hint === undefined ? "" : `\n${hint}`}\n`, status);
}

async function index(api: PprofApi, c: Context): Promise<Response> {
  const wanted = c.req.query("target");
  const target = wanted === undefined ? only(api.targets()) : api.resolveTarget(wanted);
  if (target === undefined) {
    const links = api.targets().map((name) => item(`?target=${encodeURIComponent(name)}`, name));
    return c.html(page("The pprof of which target?", links));
  }
  const of = `target=${encodeURIComponent(target)}`;
  const names = await api.profiles(target, c.req.raw.signal).catch(() => []);
  const links = names
    .filter((name) => name !== "trace")
    .map((name) =>
      item(`${encodeURIComponent(name)}?${of}${name === "profile" ? "&seconds=10" : "&debug=1"}`, name),
    );
  return c.html(
    page(`pprof of ${target}, by way of gorewind`, [
      item(`trace?${of}&seconds=5`, "trace: the next 5 s, without taking the process's tracer"),
      item(`trace?${of}&ago=10s`, "trace: the last 10 s"),
      ...links,
    ]),
  );
}

function item(href: string, text: string): string {
  return `<li><a href="${escapeHtml(href)}">${escapeHtml(text)}</a></li>`;
}

function page(title: string, items: readonly string[]): string {
  return `<!doctype html><title>${escapeHtml(title)}</title><h1>${escapeHtml(title)}</h1><ul>${items.join("")}</ul>\n`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
