import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Pod } from "../../src/discovery/pods.ts";

export interface KubeApiOptions {
  /** Tokens that are accepted; `tokens` of the server may be changed. */
  readonly tokens?: readonly string[];
  /** Namespaces that the account may see; absent: all of them, and the whole cluster. */
  readonly allowed?: readonly string[];
  /** Serves TLS with these. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Most entries of one page, whatever `limit` asks for. */
  readonly pageSize?: number;
}

interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly pod: Pod;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly matches: (pod: Pod) => boolean;
}

/**
 * The part of the Kubernetes API that lists and watches pods, as it is documented ("Kubernetes API Concepts"): versions
 * that grow, pages with a continue token, watch streams of one JSON object a line, bookmarks, selectors, 401, 403, and
 * 410 Gone for versions that were compacted.
 */
export class KubeApi implements AsyncDisposable {
  readonly url: string;
  readonly tokens: Set<string>;
  /** Paths with their queries, in order. */
  readonly requests: string[] = [];
  readonly #options: KubeApiOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #watchers = new Set<Watcher>();
  #history: Change[] = [];
  #version = 100;
  #compacted = 0;
  readonly #close: () => Promise<void>;
  #onRequest: (() => void)[] = [];

  private constructor(url: string, options: KubeApiOptions, close: () => Promise<void>) {
    this.url = url;
    this.#options = options;
    this.tokens = new Set(options.tokens);
    this.#close = close;
  }

  static async start(options: KubeApiOptions = {}): Promise<KubeApi> {
    let api: KubeApi | undefined;
    const listener: RequestListener = (request, response) => api?.handle(request, response);
    const { tls } = options;
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    api = new KubeApi(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`, options, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    });
    return api;
  }

  /** Creates the pod, or changes it. */
  put(pod: Pod): void {
    const key = keyOf(pod);
    const type = this.#pods.has(key) ? "MODIFIED" : "ADDED";
    this.#change(type, pod);
  }

  remove(namespace: string, name: string): void {
    const pod = this.#pods.get(`${namespace}/${name}`);
    if (pod !== undefined) this.#change("DELETED", pod);
  }

  /** Tells every watcher which version it has reached. */
  bookmark(): void {
    const object = { kind: "Pod", apiVersion: "v1", metadata: { resourceVersion: String(this.#version) } };
    for (const { response } of this.#watchers) writeLine(response, { type: "BOOKMARK", object });
  }

  /** Forgets all changes so far: who comes with an older version is refused. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#version;
  }

  /** Breaks every open watch, without an end of the response. */
  cut(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  /** Ends every open watch as the API does when its time is over: after what was sent has arrived. */
  end(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Resolves when a request (`watch` or `list`) has come since the call. */
  async next(kind: "watch" | "list"): Promise<string> {
    const seen = this.requests.length;
    for (;;) {
      const found = this.requests.slice(seen).find((path) => path.includes("watch=1") === (kind === "watch"));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#onRequest.push(resolve);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#close();
  }

  #change(type: Change["type"], pod: Pod): void {
    const version = ++this.#version;
    const stamped: Pod = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(version) } };
    if (type === "DELETED") this.#pods.delete(keyOf(pod));
    else this.#pods.set(keyOf(pod), stamped);
    const change = { version, type, pod: stamped };
    this.#history.push(change);
    for (const watcher of this.#watchers) send(watcher, change);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.url);
    this.requests.push(`${url.pathname}${url.search}`);
    for (const wake of this.#onRequest.splice(0)) wake();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (this.tokens.size > 0 && (token === undefined || !this.tokens.has(token))) {
      status(response, 401, "Unauthorized", "Unauthorized");
      return;
    }
    const path = /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?pods$/.exec(url.pathname);
    if (path === null) {
      status(response, 404, "NotFound", "the server could not find the requested resource");
      return;
    }
    const namespace = path[1];
    const { allowed } = this.#options;
    if (allowed !== undefined && (namespace === undefined || !allowed.includes(namespace))) {
      const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
      status(response, 403, "Forbidden", `pods is forbidden: cannot list resource "pods" ${where}`);
      return;
    }
    const matches = selector(url.searchParams, namespace);
    if (url.searchParams.get("watch") === "1") this.#watch(url.searchParams, matches, response);
    else this.#list(url.searchParams, matches, response);
  }

  #list(query: URLSearchParams, matches: (pod: Pod) => boolean, response: ServerResponse): void {
    const [at, from] = (query.get("continue") ?? `${this.#version}:0`).split(":").map(Number);
    const size = Math.min(Number(query.get("limit") ?? 500), this.#options.pageSize ?? 500);
    const all = [...this.#pods.values()].filter(matches);
    const start = from ?? 0;
    const more = start + size < all.length ? `${at}:${start + size}` : "";
    json(response, 200, {
      kind: "PodList",
      apiVersion: "v1",
      metadata: { resourceVersion: String(at), ...(more !== "" && { continue: more }) },
      items: all.slice(start, start + size),
    });
  }

  #watch(query: URLSearchParams, matches: (pod: Pod) => boolean, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    if (from < this.#compacted) {
      const message = `too old resource version: ${from} (${this.#compacted})`;
      const object = {
        kind: "Status",
        apiVersion: "v1",
        status: "Failure",
        message,
        reason: "Expired",
        code: 410,
      };
      writeLine(response, { type: "ERROR", object });
      response.end();
      return;
    }
    const watcher = { response, matches };
    this.#watchers.add(watcher);
    for (const change of this.#history) if (change.version > from) send(watcher, change);
    const timer = setTimeout(() => response.end(), Number(query.get("timeoutSeconds") ?? 60) * 1000);
    response.on("close", () => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
    for (const wake of this.#onRequest.splice(0)) wake();
  }
}

/** A running pod with one container that serves pprof on `port`. */
export function podOf(
  name: string,
  options: {
    readonly namespace?: string;
    readonly ip?: string;
    readonly port?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly node?: string;
    readonly phase?: string;
  } = {},
): Pod {
  const { namespace = "shop", ip = "10.0.0.1", port = 6060, labels = {}, annotations = {} } = options;
  return {
    metadata: { name, namespace, uid: `uid-${name}`, labels, annotations },
    spec: {
      nodeName: options.node ?? "node-1",
      containers: [
        { name: "app", image: "shop:1", ports: [{ name: "pprof", containerPort: port, protocol: "TCP" }] },
      ],
    },
    status: {
      phase: options.phase ?? "Running",
      podIP: ip,
      hostIP: "192.0.2.1",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ name: "app", containerID: `containerd://${name}` }],
    },
  };
}

const keyOf = ({ metadata }: Pod): string => `${metadata?.namespace}/${metadata?.name}`;

function send({ response, matches }: Watcher, { type, pod: object }: Change): void {
  if (matches(object)) writeLine(response, { type, object });
}

function writeLine(response: ServerResponse, value: unknown): void {
  response.write(`${JSON.stringify(value)}\n`);
}

function json(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function status(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code });
}

/** Equality selectors, `a=b,c!=d,e`, of labels and of the two fields that are used. */
function selector(query: URLSearchParams, namespace: string | undefined): (object: Pod) => boolean {
  const labels = terms(query.get("labelSelector"));
  const fields = terms(query.get("fieldSelector"));
  return (object) => {
    const field: Record<string, string | undefined> = {
      "spec.nodeName": object.spec?.nodeName,
      "status.phase": object.status?.phase,
    };
    return (
      (namespace === undefined || object.metadata?.namespace === namespace) &&
      labels.every((accepts) => accepts(object.metadata?.labels ?? {})) &&
      fields.every((accepts) => accepts(field))
    );
  };
}

type Values = Readonly<Record<string, string | undefined>>;

function terms(text: string | null): ((values: Values) => boolean)[] {
  return (text ?? "")
    .split(",")
    .filter((term) => term !== "")
    .map((term) => {
      const [key = "", wanted] = term.split(/!?==?/);
      if (wanted === undefined) return (values: Values) => values[key] !== undefined;
      return (values: Values) => (values[key] === wanted) === !term.includes("!=");
    });
}
