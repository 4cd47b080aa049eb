import { isIP } from "node:net";
import type { SecureVersion } from "node:tls";
import { Agent, buildConnector, interceptors, type Dispatcher } from "undici";
import { milliseconds } from "../../base/units.ts";
import { forbidden, guardedLookup, refusedAddress, type AddressTrust } from "./guard.ts";
import type { ClientOptions, TlsOptions } from "./options.ts";
import { fingerprint, readSecret } from "./secret.ts";

/** Whom a client speaks to. */
export interface ClientPeer {
  /** host:port, or `unix:/path` */
  readonly address: string;
  readonly trust: AddressTrust;
  /** Relative paths in the options are below it. */
  readonly folder: string;
}

const CONNECT_TIMEOUT = milliseconds(10_000);
const MAX_REDIRECTS = 3;
/** One connection for the stream and a few for profiles. */
const CONNECTIONS = 8;

/**
 * The HTTP client of one peer: connections, TLS and credentials by its options. Secrets in files are read again for each
 * request, certificates for each connection, so that both can be rotated. Close it when the peer is gone.
 */
export function createClient(options: ClientOptions, peer: ClientPeer): Dispatcher {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    connect: createConnector(options, peer),
  });
  const layers: Dispatcher.DispatcherComposeInterceptor[] = [];
  if (options.followRedirects) layers.push(interceptors.redirect({ maxRedirections: MAX_REDIRECTS }));
  // Outermost, so that a redirect to another origin loses the credentials.
  if (hasHeaders(options)) layers.push(withHeaders(() => readHeaders(options, peer.folder)));
  return layers.length === 0 ? agent : agent.compose(...layers);
}

function hasHeaders({ authorization, basicAuth, headers }: ClientOptions): boolean {
  return authorization !== undefined || basicAuth !== undefined || headers.length > 0;
}

type Headers = Readonly<Record<string, string | string[]>>;

async function readHeaders(options: ClientOptions, folder: string): Promise<Headers> {
  const headers: Record<string, string | string[]> = {};
  for (const { name, values } of options.headers) {
    headers[name.toLowerCase()] = await Promise.all(values.map((value) => readSecret(value, folder)));
  }
  const { authorization, basicAuth } = options;
  if (authorization !== undefined) {
    headers["authorization"] = `${authorization.type} ${await readSecret(authorization.credentials, folder)}`;
  }
  if (basicAuth !== undefined) {
    const read = (source: typeof basicAuth.username) =>
      source === undefined ? "" : readSecret(source, folder);
    const pair = `${await read(basicAuth.username)}:${await read(basicAuth.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
  }
  return headers;
}

/** Adds headers that have to be waited for. */
function withHeaders(read: () => Promise<Headers>): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) => {
    read().then(
      (added) => dispatch({ ...request, headers: { ...plainHeaders(request.headers), ...added } }, handler),
      // No connection was there yet, so there is none to speak of.
      (error: Error) => handler.onResponseError?.(null as unknown as Dispatcher.DispatchController, error),
    );
    return true;
  };
}

/** Of what undici takes for headers, the agent itself gives objects only. */
function plainHeaders(headers: Dispatcher.DispatchOptions["headers"]): Headers {
  return headers !== null && typeof headers === "object" && !Array.isArray(headers) && !isIterable(headers)
    ? (headers as Headers)
    : {};
}

const isIterable = (value: object): boolean => Symbol.iterator in value;

function createConnector(options: ClientOptions, peer: ClientPeer): buildConnector.connector {
  const unix = unixPath(peer.address);
  const own = new URL(`http://${unix === undefined ? peer.address : "localhost"}`).hostname;
  let current: { readonly key: string; readonly connect: buildConnector.connector } | undefined;
  const connectorFor = async (secure: boolean, trust: AddressTrust): Promise<buildConnector.connector> => {
    const tls = secure ? await readTls(options.tls, peer.folder) : {};
    const key = fingerprint([tls, trust]);
    // Kept while nothing changed, since it remembers TLS sessions.
    current =
      current?.key === key
        ? current
        : {
            key,
            connect: buildConnector({
              timeout: CONNECT_TIMEOUT,
              ...tls,
              ...(trust !== "configured" && { lookup: guardedLookup(trust) }),
              ...(unix !== undefined && { socketPath: unix }),
            }),
          };
    return current.connect;
  };
  return (request, callback) => {
    // Where a redirect leads was not configured by anyone.
    const trust = bare(request.hostname) === bare(own) ? peer.trust : "discovered";
    const refused =
      isIP(bare(request.hostname)) === 0 ? undefined : refusedAddress(bare(request.hostname), trust);
    if (refused !== undefined) {
      callback(forbidden(request.hostname, refused), null);
      return;
    }
    connectorFor(request.protocol === "https:", trust).then(
      (connect) => connect(request, callback),
      (error: Error) => callback(error, null),
    );
  };
}

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, "");

const VERSIONS: Readonly<Record<TlsOptions["minVersion"], SecureVersion>> = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
};

async function readTls(options: TlsOptions, folder: string): Promise<buildConnector.BuildOptions> {
  const read = async (source: TlsOptions["ca"]) =>
    source === undefined ? undefined : await readSecret(source, folder);
  const [ca, cert, key] = await Promise.all([read(options.ca), read(options.cert), read(options.key)]);
  return {
    minVersion: VERSIONS[options.minVersion],
    rejectUnauthorized: !options.insecureSkipVerify,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(options.serverName !== undefined && { servername: options.serverName }),
  };
}

/** The socket's path of an address `unix:/path`, or undefined. */
export function unixPath(address: string): string | undefined {
  return address.startsWith("unix:") ? address.slice("unix:".length) : undefined;
}
