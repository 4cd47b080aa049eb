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

import { isPlumbing, packageOf } from "./functions.ts";

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
/** `pb._Shop_Checkout_Handler`, by protoc-gen-go-grpc. */
const GRPC_METHOD = /\._\w+_Handler$/;
const SERVER_CALLS_HANDLER = "net/http.serverHandler.ServeHTTP";

/** Routers and wrappers: what they call is the handler. By package; sub-packages too. */
const ROUTERS = [
  "net/http",
  "golang.org/x/net",
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
function servesOne(root: string): boolean {
  return HTTP2_STREAM.test(root) || GRPC_STREAM.test(root);
}

/** Whether a goroutine with this root serves requests one after another. */
function servesMany(root: string): boolean {
  return root === HTTP_CONNECTION;
}

export interface MarkedStack {
  readonly mark: number;
  /** Of a handler only. */
  readonly request: string | undefined;
}

const NOTHING: MarkedStack = { mark: RequestMark.none, request: undefined };
const SERVING: MarkedStack = { mark: RequestMark.serving, request: undefined };

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
    if (names.includes(SERVER_CALLS_HANDLER)) return served(names);
    return next.includes(".(*response).") ? SERVING : NOTHING;
  }
  return servesOne(root) ? served(names) : NOTHING;
}

/**
 * In the outermost function that is neither server nor router: the program's handler. With gRPC that may be an
 * interceptor, the same for all: what protoc generated for the method is its name.
 */
function served(names: readonly string[]): MarkedStack {
  const generated = names.findLast((name) => GRPC_METHOD.test(name));
  if (generated !== undefined) return { mark: RequestMark.handler, request: generated };
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!;
    if (!isPlumbing(name) && !isRouter(packageOf(name))) return { mark: RequestMark.handler, request: name };
  }
  return SERVING;
}

function isRouter(folder: string): boolean {
  return ROUTERS.some((router) => folder === router || folder.startsWith(`${router}/`));
}
