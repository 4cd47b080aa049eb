import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { bytes, epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import { systemClock } from "../../src/cli/clock.ts";
import type { RecorderEvent } from "../../src/recorder/events.ts";
import { Recorder } from "../../src/recorder/recorder.ts";
import type { RecordedGeneration } from "../../src/ring/recording.ts";
import { traceOptions } from "../../src/scraper/options.ts";
import { refuse, startPprofServer, type TraceHandler } from "../support/pprof-server.ts";

const shared = process.env["GOREWIND_SHARED"] ?? resolve(import.meta.dirname, "../../../shared");
const trace = (version: string): Buffer => readFileSync(resolve(shared, "traces", `tour-go${version}.trace`));

interface Setup extends AsyncDisposable {
  readonly recorder: Recorder;
  readonly asked: readonly string[];
  readonly generations: readonly RecordedGeneration[];
  /** Resolves with the next event of that kind, or the first one that came already and was not awaited yet. */
  next<K extends RecorderEvent["kind"]>(kind: K): Promise<Extract<RecorderEvent, { kind: K }>>;
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

async function record(handler: TraceHandler, options: object = {}): Promise<Setup> {
  const server = await startPprofServer(handler);
  const dispatcher = new Agent();
  const events: RecorderEvent[] = [];
  const waiting: { kind: string; resolve: (event: RecorderEvent) => void }[] = [];
  const generations: RecordedGeneration[] = [];
  const recorder = new Recorder(
    { name: "t", job: "t", address: server.address, scheme: "http", labels: {} },
    {
      trace: traceOptions.parse(options),
      ring: { minAge: milliseconds(3_600_000), maxBytes: bytes(1 << 30) },
    },
    {
      dispatcher,
      clock: systemClock,
      random: () => 0.9,
      emit: (event) => {
        const waiter = waiting.findIndex(({ kind }) => kind === event.kind);
        if (waiter < 0) events.push(event);
        else waiting.splice(waiter, 1)[0]?.resolve(event);
      },
      onGeneration: (_, generation) => generations.push(generation),
    },
  );
  const stopping = new AbortController();
  const running = recorder.run(stopping.signal);
  const setup: Setup = {
    recorder,
    asked: server.asked,
    generations,
    next: async (kind) => {
      const at = events.findIndex((event) => event.kind === kind);
      if (at >= 0) return events.splice(at, 1)[0] as never;
      return (await new Promise<RecorderEvent>((done) => waiting.push({ kind, resolve: done }))) as never;
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
      await dispatcher.destroy();
      await server.stop();
    },
  };
  open.push(setup);
  return setup;
}

/** Sends all of it, then keeps the connection open. */
const sendAndHold =
  (data: Buffer): TraceHandler =>
  (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" }).write(data);
  };

describe("Recorder", () => {
  it("records whole generations of one long stream", async () => {
    const setup = await record(sendAndHold(trace("1.26")));
    const recognised = await setup.next("stream.recognised");
    expect(recognised).toMatchObject({ format: "1.26", streamable: true });
    const sealed = await setup.next("generation.sealed");
    expect(sealed.ringBytes).toBeGreaterThan(0);
    expect(setup.asked).toEqual(["3600"]);
    expect(setup.recorder.state).toMatchObject({ kind: "recording", mode: "stream", format: "1.26" });
  });

  it("opens the next stream as soon as one has ended as asked, and never joins the two", async () => {
    const data = trace("1.23");
    const setup = await record((_, response) => {
      response.writeHead(200).write(data);
      // As long as the trace says that it lasted.
      setTimeout(() => response.end(), 2000);
    });
    await setup.next("stream.ended");
    await setup.next("stream.ended");
    const sessions = setup.recorder.sessions();
    expect(sessions.length).toBeGreaterThanOrEqual(2);
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(sessions.length);
    const [first] = sessions;
    expect(first?.live).toBe(false);
    const again = Buffer.concat([
      first?.header ?? Buffer.of(),
      ...(first?.generations ?? []).map((g) => g.bytes),
    ]);
    expect(again.equals(data)).toBe(true);
  });

  it("keeps what it has when the stream is torn off, and drops the torn tail", async () => {
    const data = trace("1.26");
    const setup = await record((_, response, n) => {
      if (n > 0) return refuse(response, 500, "gone");
      response.writeHead(200).write(data.subarray(0, data.length - 1000));
      setTimeout(() => response.destroy(), 200);
    });
    const ended = await setup.next("stream.ended");
    expect(ended).toMatchObject({ how: "lost", code: "scrape_truncated" });
    expect(ended.droppedBytes).toBeGreaterThan(0);
    const [session] = setup.recorder.sessions();
    expect(session).toMatchObject({ live: false, tornBytes: ended.droppedBytes });
    expect(session?.generations.length).toBe(setup.generations.length);
    expect(setup.generations.length).toBeGreaterThan(0);
  });

  it("says who may hold the tracer when it is already enabled, and takes it when it is free", async () => {
    const data = trace("1.25");
    const setup = await record((request, response, n) => {
      if (n < 2) return refuse(response, 500, "Could not enable tracing: execution tracer already enabled");
      return sendAndHold(data)(request, response, n);
    });
    const { error } = await setup.next("stream.refused");
    expect(error).toMatchObject({ kind: "already-enabled", code: "scrape_already_enabled" });
    expect(error.hint).toMatch(/one tracer/);
    await setup.next("stream.recognised");
  });

  it("asks for less when the server's WriteTimeout is shorter", async () => {
    const data = trace("1.22");
    const setup = await record((_, response, n) => {
      if (n < 2) return refuse(response, 400, "profile duration exceeds server's WriteTimeout");
      response.writeHead(200).write(data);
    });
    expect((await setup.next("stream.refused")).error.kind).toBe("limit");
    await setup.next("stream.recognised");
    expect(setup.asked).toEqual(["3600", "600", "300"]);
  });

  it("polls Go 1.21 in windows, since its format cannot be cut, and says so", async () => {
    const data = trace("1.21");
    const setup = await record(
      (request, response) => {
        const seconds = new URL(request.url ?? "", "http://localhost").searchParams.get("seconds");
        if (seconds === "0.05") response.writeHead(200).end(data);
        else response.writeHead(200).write(data);
      },
      { window: "50ms", interval: "60ms" },
    );
    expect(await setup.next("stream.recognised")).toMatchObject({ format: "1.21", streamable: false });
    await setup.next("generation.sealed");
    expect(setup.asked.slice(0, 2)).toEqual(["3600", "0.05"]);
    expect(setup.recorder.state.mode).toBe("poll");
    const session = setup.recorder.sessions().at(-1);
    expect(
      Buffer.concat([session?.header ?? Buffer.of(), session?.generations[0]?.bytes ?? Buffer.of()]),
    ).toEqual(data);
  });

  it.each([
    ["a page", 404, "404 page not found", "scrape_status"],
    ["a redirect", 302, "", "scrape_status"],
    ["a server of TLS", 400, "Client sent an HTTP request to an HTTPS server.", "scrape_status"],
  ])("reports %s that is no trace, with what to do", async (_, status, text, code) => {
    const setup = await record((__, response) => refuse(response, status, text));
    const { error } = await setup.next("stream.refused");
    expect(error.code).toBe(code);
    expect(error.hint).toBeDefined();
    expect(setup.recorder.state).toMatchObject({ kind: "waiting" });
  });

  it("ends a stream of something else, and one whose generation passes the bound", async () => {
    const html = await record(sendAndHold(Buffer.from("<html>hello, I am a login page</html>")));
    expect(await html.next("stream.ended")).toMatchObject({
      how: "broken",
      message: expect.stringMatching(/no Go execution trace/) as string,
    });
    const big = await record(sendAndHold(trace("1.26")), { max_generation_bytes: "100KiB" });
    expect(await big.next("stream.ended")).toMatchObject({
      how: "broken",
      message: expect.stringMatching(/102400/) as string,
    });
  });

  it("waits for a moment to be recorded, and gives up when it cannot come", async () => {
    const setup = await record(sendAndHold(trace("1.26")));
    await setup.next("generation.sealed");
    const { signal } = new AbortController();
    const held = setup.recorder.sessions().at(-1)?.generations.at(-1)?.wallEnd ?? epochMilliseconds(0);
    expect(await setup.recorder.reaches(held, milliseconds(0), signal)).toBe(true);
    const later = epochMilliseconds(held + 60_000);
    expect(await setup.recorder.reaches(later, milliseconds(30), signal)).toBe(false);
  });
});
