/**
 * Requests read out of stacks, for services without tasks.
 *
 * - A goroutine whose root is `net/http.(*conn).serve` serves one request after another: a request begins when it is
 *   woken from waiting for one, and ends when it waits (or reads) for the next.
 * - HTTP/2 and gRPC give each request a goroutine of its own: its life is the request.
 *
 * Only what was seen in a handler, or writing the answer, counts: waking to a half-sent header is no request. A handler
 * that makes no event at all (no block, no system call, no preemption) is seen by its answer's write alone, and has no
 * name then.
 */

import { packageOf } from "./functions.ts";
import { UNKNOWN } from "./names.ts";

/** What a stack says of its goroutine's request. */
export const RequestMark = {
  /** Not looked at yet. */
  unread: 0,
  /** Nothing. */
  none: 1,
  /** Waits for, or reads, the next request of its connection. */
  idle: 2,
  /** In a handler, whose name is known. */
  handler: 3,
  /** Serving, outside a handler: writes the answer. */
  serving: 4,
  /** The begin of a goroutine that serves a connection. */
  connection: 5,
} as const;

const HTTP_CONNECTION = "net/http.(*conn).serve";
const HTTP2_STREAM =
  /^(?:net\/http\.\(\*http2serverConn\)|(?:golang\.org\/x\/net\/http2|net\/http\/internal\/http2)\.\(\*serverConn\))\.runHandler$/;
const GRPC_STREAM = /^google\.golang\.org\/grpc\.\(\*Server\)\.(?:serveStreams\.func|handleStream)/;
const SERVER_CALLS_HANDLER = "net/http.serverHandler.ServeHTTP";

/** Routers and wrappers: what they call is the handler. By package; sub-packages too. */
const ROUTERS = [
  "net/http",
  "google.golang.org/grpc",
  "github.com/gorilla/mux",
  "github.com/gorilla/handlers",
  "github.com/go-chi/chi",
  "github.com/gin-gonic/gin",
  "github.com/labstack/echo",
  "github.com/julienschmidt/httprouter",
  "github.com/felixge/httpsnoop",
  "github.com/rs/cors",
  "github.com/prometheus/client_golang",
  "github.com/grpc-ecosystem/go-grpc-middleware",
  "go.opentelemetry.io/contrib/instrumentation",
];

/** Whether a goroutine with this root lives for one request. */
export function servesOne(root: string): boolean {
  return HTTP2_STREAM.test(root) || GRPC_STREAM.test(root);
}

/** Whether a goroutine with this root serves requests one after another. */
export function servesMany(root: string): boolean {
  return root === HTTP_CONNECTION;
}

export interface MarkedStack {
  readonly mark: number;
  /** Of a handler only. */
  readonly request: string | undefined;
}

const NOTHING: MarkedStack = { mark: RequestMark.none, request: undefined };

/** What a stack (function names, leaf first) says of its goroutine's request. */
export function markStack(names: readonly string[]): MarkedStack {
  const root = names.at(-1);
  if (root === undefined) return NOTHING;
  if (servesMany(root)) {
    const next = names.at(-2);
    if (next === undefined) return { mark: RequestMark.connection, request: undefined };
    if (next.endsWith(".(*conn).readRequest") || next === "bufio.(*Reader).Peek") {
      return { mark: RequestMark.idle, request: undefined };
    }
    if (names.includes(SERVER_CALLS_HANDLER)) {
      return { mark: RequestMark.handler, request: handlerOf(names) };
    }
    return next.includes(".(*response).") ? { mark: RequestMark.serving, request: undefined } : NOTHING;
  }
  if (!servesOne(root)) return NOTHING;
  const request = handlerOf(names);
  return request === UNKNOWN
    ? { mark: RequestMark.serving, request: undefined }
    : { mark: RequestMark.handler, request };
}

/** The outermost function that is neither server nor router: the program's handler. */
function handlerOf(names: readonly string[]): string {
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!;
    const folder = packageOf(name);
    if (!ROUTERS.some((router) => folder === router || folder.startsWith(`${router}/`))) return name;
  }
  return UNKNOWN;
}
