import { SHOP, buildGo } from "./go.ts";
import type { GoChoice } from "./go.ts";
import { start } from "./process.ts";
import type { Child } from "./process.ts";

export interface ShopOptions {
  /** The Go that builds it. */
  readonly version?: GoChoice;
  /** More flags, for instance `["-load", "50"]`: see examples/shop/README.md. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Ports to use again after a restart; 0, the default, picks free ones. */
  readonly port?: number;
  readonly debugPort?: number;
}

export interface Shop extends AsyncDisposable {
  readonly child: Child;
  readonly pid: number;
  /** `http://127.0.0.1:PORT` of the shop itself. */
  readonly url: string;
  /** The same of pprof, expvar and metrics. */
  readonly debugUrl: string;
  readonly goVersion: string;
}

interface Announcement {
  readonly addr: string;
  readonly debug_addr: string;
  readonly go_version: string;
}

/** Builds and starts the example service on free ports; idle unless `args` says otherwise. */
export async function startShop(options: ShopOptions = {}): Promise<Shop> {
  const { version = "local", args = [], env = {}, port = 0, debugPort = 0 } = options;
  const binary = await buildGo(SHOP, { version });
  const addresses = ["-addr", `127.0.0.1:${port}`, "-debug-addr", `127.0.0.1:${debugPort}`];
  const child = await start(binary, [...addresses, "-crawl", "0", ...args], {
    env: { ...process.env, ...env },
  });
  const line = await child.line((text) => text.includes('"event":"listening"'));
  const { addr, debug_addr: debug, go_version: goVersion } = JSON.parse(line) as Announcement;
  return {
    child,
    pid: child.pid,
    url: `http://${addr}`,
    debugUrl: `http://${debug}`,
    goVersion,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
