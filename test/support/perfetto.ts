import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { repoRoot } from "./cache.ts";

const folder = join(repoRoot, "node_modules", "@pinpoint-apm", "perfetto-ui");
/** Answered by the test itself: nothing goes over a network. */
const ORIGIN = "http://perfetto.invalid";

export interface PerfettoEvent {
  readonly name?: string;
  readonly cat?: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  readonly id?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface PerfettoReading {
  readonly events: readonly PerfettoEvent[];
  /** Counters of trace_processor that are not 0, by name: what it could not make sense of among them. */
  readonly stats: Readonly<Record<string, number>>;
}

/** Reads a .pftrace by Perfetto's own trace_processor (v20.1, WebAssembly), and gives what it exports as JSON. */
export async function readByPerfetto(browser: Browser, trace: Uint8Array): Promise<PerfettoReading> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.route(`${ORIGIN}/**`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name === "") return route.fulfill({ contentType: "text/html", body: "<!doctype html>" });
      if (name === "trace") return route.fulfill({ body: Buffer.from(trace) });
      const contentType = name.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      return route.fulfill({ contentType, body: await readFile(join(folder, name)) });
    });
    await page.goto(ORIGIN);
    const text = await page.evaluate<string>(`(async () => {
      const trace = await (await fetch("/trace")).blob();
      return await new Promise((resolve, reject) => {
        const worker = new Worker("/traceconv_bundle.js");
        worker.onerror = (event) => reject(new Error(event.message));
        worker.onmessage = ({ data }) => {
          if (data.kind === "error") reject(new Error(data.error));
          if (data.kind === "downloadFile") resolve(new TextDecoder().decode(data.buffer));
        };
        worker.postMessage({ kind: "ConvertTraceAndDownload", trace, format: "json" });
      });
    })()`);
    const { traceEvents, metadata } = JSON.parse(text) as {
      traceEvents: PerfettoEvent[];
      metadata?: { trace_processor_stats?: Record<string, unknown> };
    };
    return { events: traceEvents, stats: numbersOf(metadata?.trace_processor_stats ?? {}) };
  } finally {
    await context.close();
  }
}

function numbersOf(stats: Readonly<Record<string, unknown>>): Record<string, number> {
  const known = Object.entries(stats).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && entry[1] !== 0,
  );
  return Object.fromEntries(known);
}
