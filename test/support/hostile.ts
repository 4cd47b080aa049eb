import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** What a hostile server does with a connection once a request's first line is there. */
export type Malice = (socket: Socket, path: string) => void;

export interface HostileServer extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  /** Requests so far. */
  readonly requests: () => number;
}

/** Speaks raw TCP, so that nothing keeps it from breaking HTTP's rules. */
export async function startHostile(malice: Malice): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      const path = /^(?:GET|POST) (\S+) HTTP/.exec(data.toString("latin1"))?.[1];
      if (path === undefined) return;
      requests++;
      malice(socket, path);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n";
const TRACE_HEADER = Buffer.from("go 1.26 trace\0\0\0");

/** Writes `piece` again and again, as fast as it is taken. */
function flood(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

function drip(socket: Socket, bytes: Iterable<number>): void {
  const iterator = bytes[Symbol.iterator]();
  const timer = setInterval(() => {
    const next = iterator.next();
    if (socket.destroyed || next.done === true) clearInterval(timer);
    else socket.write(Buffer.from([next.value]));
  }, 50);
}

function* forever(): Generator<number> {
  yield* TRACE_HEADER;
  for (;;) yield 0x01;
}

/** A number as the trace has it: seven bits a byte, low ones first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** One batch of a generation: the event that opens it (number 1), generation, thread, time, size, and that many bytes. */
function batch(declared: number, data: Buffer): Buffer {
  const head = Buffer.from([1, ...varint(1), ...varint(7), ...varint(1000), ...varint(declared)]);
  return Buffer.concat([head, data]);
}

/** By name, what can be done to an agent. All but the trace's path get the same treatment where that makes sense. */
export const MALICES: Readonly<Record<string, Malice>> = {
  "endless garbage": (socket) => {
    socket.write(`${OK}\r\n`);
    flood(socket, Buffer.alloc(64 * 1024, 0xff));
  },
  "a generation without end": (socket) => {
    socket.write(`${OK}\r\n`);
    socket.write(TRACE_HEADER);
    // Whole batches, each as it should be, of a generation that never ends.
    flood(socket, batch(60_000, Buffer.alloc(60_000, 0x01)));
  },
  "a generation of 1 GB by its own word": (socket) => {
    socket.write(`${OK}\r\n`);
    socket.write(TRACE_HEADER);
    flood(socket, batch(1_000_000_000, Buffer.alloc(60_000)));
  },
  "a body of 1 TB by its own word": (socket) => {
    socket.write(`${OK}Content-Length: 1000000000000\r\n\r\n`);
    flood(socket, Buffer.alloc(64 * 1024));
  },
  "a slow drip": (socket) => {
    socket.write(`${OK}\r\n`);
    drip(socket, forever());
  },
  "a gzip bomb, as a profile and as an encoding": (socket, path) => {
    const encoding = path.startsWith("/metrics") ? "Content-Encoding: gzip\r\n" : "";
    socket.end(Buffer.concat([Buffer.from(`${OK}${encoding}\r\n`), BOMB()]));
  },
  "a page of HTML": (socket) => {
    socket.end(`${OK}\r\n<!doctype html><title>Login</title>${"<p>please</p>".repeat(1000)}`);
  },
  "a redirect to the metadata address": (socket) => {
    socket.end(
      "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
  },
  "headers without end": (socket) => {
    socket.write(OK);
    flood(socket, Buffer.from(`X-More: ${"a".repeat(1000)}\r\n`));
  },
  silence: () => undefined,
  "a connection that flaps": (socket) => {
    socket.destroy();
  },
  "a trace that breaks off at once": (socket) => {
    socket.write(`${OK}Content-Length: 1000\r\n\r\n`);
    socket.end(TRACE_HEADER);
  },
  "a status line that is none": (socket) => {
    socket.end("SSH-2.0-OpenSSH_9.9\r\n");
  },
};

let bomb: Buffer | undefined;
/** A megabyte that unpacks to a gigabyte: 1 GB of zeros would be slow to pack, so its members are packed once. */
function BOMB(): Buffer {
  if (bomb === undefined) {
    const member = gzipSync(Buffer.alloc(16 * 1024 * 1024), { level: 9 });
    bomb = Buffer.concat(Array.from({ length: 64 }, () => member));
  }
  return bomb;
}
