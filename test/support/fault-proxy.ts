import { createServer, request as forward } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What the proxy does to one request instead of passing it on. */
export type Fault =
  /** The connection is reset after so many bytes of the request's body. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** The server gets and does all of it; its answer never arrives. */
  | { readonly kind: "lost-answer" }
  /** Neither an answer nor an end. */
  | { readonly kind: "black-hole" }
  /** The body goes through at this rate. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** S3's error document. */
  | { readonly kind: "status"; readonly status: number; readonly code: string }
  /** The answer's ETag is another. */
  | { readonly kind: "wrong-etag" }
  /** The answer announces its whole length and ends halfway. */
  | { readonly kind: "truncated" };

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** From 0, over the proxy's life. */
  readonly n: number;
}

/** Decides what becomes of a request; undefined passes it on. */
export type FaultPlan = (request: SeenRequest) => Fault | undefined;

/** An HTTP proxy in front of a real S3 server, which breaks what it is told to break. */
export class FaultProxy implements AsyncDisposable {
  plan: FaultPlan = () => undefined;
  readonly endpoint: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstream: URL;
  readonly #port: number;
  #seen = 0;

  private constructor(server: Server, upstream: URL) {
    this.#server = server;
    this.#upstream = upstream;
    this.#port = (server.address() as AddressInfo).port;
    this.endpoint = `http://127.0.0.1:${this.#port}`;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
    server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      server.emit("request", request, response);
    });
  }

  static async start(upstream: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FaultProxy(server, new URL(upstream));
  }

  /** How many requests came, those it broke included. */
  get seen(): number {
    return this.#seen;
  }

  /** Nobody listens any more, and what is connected is cut; `listen` ends it. */
  async refuse(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const fault = this.plan({ method, url, n: this.#seen++ });
    switch (fault?.kind) {
      case undefined:
        return this.#pass(request, response, {});
      case "reset":
        return resetAfter(request, fault.afterBytes);
      case "black-hole":
        request.resume();
        return;
      case "slow":
        return this.#pass(request, response, { bytesPerSecond: fault.bytesPerSecond });
      case "status":
        request.resume();
        await new Promise((resolve) => request.once("end", resolve));
        response.writeHead(fault.status, { "content-type": "application/xml" });
        response.end(method === "HEAD" ? undefined : errorDocument(fault.code));
        return;
      case "lost-answer":
      case "wrong-etag":
      case "truncated":
        return this.#pass(request, response, { answer: fault.kind });
    }
  }

  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    change: {
      readonly bytesPerSecond?: number;
      readonly answer?: "lost-answer" | "wrong-etag" | "truncated";
    },
  ): Promise<void> {
    const { method, url, headers } = request;
    const { hostname, port } = this.#upstream;
    // `expect` was answered here; the host stays, since it is signed.
    const { expect: _, ...passed } = headers;
    const upstream = forward({
      hostname,
      port,
      method,
      path: url,
      headers: { ...passed, connection: "close" },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      upstream.once("response", resolve);
      upstream.once("error", reject);
    });
    answered.catch(() => {});
    for await (const chunk of request as AsyncIterable<Buffer>) {
      await sendPaced(upstream, chunk, change.bytesPerSecond);
    }
    upstream.end();
    const answer = await answered;
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (change.answer === "lost-answer") {
      request.socket.resetAndDestroy();
      return;
    }
    const { connection: __, "transfer-encoding": ___, ...answerHeaders } = answer.headers;
    if (change.answer === "wrong-etag" && answerHeaders.etag !== undefined) {
      answerHeaders.etag = `"${"0".repeat(32)}"`;
    }
    if (method !== "HEAD" && body.length > 0) answerHeaders["content-length"] = String(body.length);
    response.writeHead(answer.statusCode ?? 502, answerHeaders);
    if (change.answer === "truncated" && body.length > 1) {
      response.write(body.subarray(0, body.length / 2), () => request.socket.destroy());
      return;
    }
    response.end(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function sendPaced(
  to: { write(chunk: Buffer): boolean },
  chunk: Buffer,
  bytesPerSecond: number | undefined,
): Promise<void> {
  if (bytesPerSecond === undefined) {
    to.write(chunk);
    return;
  }
  const step = Math.max(1, Math.floor(bytesPerSecond / 10));
  for (let at = 0; at < chunk.length; at += step) {
    to.write(chunk.subarray(at, at + step));
    await sleep(100);
  }
}

function resetAfter(request: IncomingMessage, bytes: number): void {
  let seen = 0;
  const { socket } = request;
  const cut = (): void => {
    if (seen >= bytes) socket.resetAndDestroy();
  };
  request.on("error", () => {});
  request.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    cut();
  });
  request.once("end", () => socket.resetAndDestroy());
  cut();
}

function errorDocument(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}, says the test</Message></Error>`;
}
