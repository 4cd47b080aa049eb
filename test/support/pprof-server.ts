import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request for a trace; `n` counts the requests from 0. */
export type TraceHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  n: number,
) => void | Promise<void>;

export interface PprofServer extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  /** The `seconds` of each request for a trace, in order. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/**
 * A server at `/debug/pprof/trace` that does what a test says: for what no real Go service does on demand, such as
 * cutting a generation in two or refusing.
 */
export async function startPprofServer(handler: TraceHandler): Promise<PprofServer> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname !== "/debug/pprof/trace") {
      response.writeHead(404).end("404 page not found\n");
      return;
    }
    asked.push(url.searchParams.get("seconds") ?? "");
    response.on("error", () => undefined);
    void handler(request, response, asked.length - 1);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, asked, stop, [Symbol.asyncDispose]: stop };
}

/** What net/http/pprof answers when it cannot trace. */
export function refuse(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-go-pprof": "1" })
    .end(`${text}\n`);
}
