/** One Go process to watch. */
export interface Target {
  /** Unique in the agent: the job and the address. What the API, logs and metrics call it. */
  readonly name: string;
  readonly job: string;
  /** host:port, or `unix:/path` */
  readonly address: string;
  readonly scheme: "http" | "https";
  /** Where its metrics are, when it is not what the configuration says. */
  readonly metricsPath?: string;
  /** Query parameters of every request. */
  readonly params?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The name of the target at `address` in `job`. */
export function targetName(job: string, address: string): string {
  return `${job}@${address}`;
}

export function targetUrl(target: Target, path: string, query: Readonly<Record<string, string>> = {}): URL {
  // A socket in the file system has no host; the client knows the path.
  const host = target.address.startsWith("unix:") ? "localhost" : target.address;
  const url = new URL(`${target.scheme}://${host}${path}`);
  for (const [key, value] of Object.entries({ ...target.params, ...query })) url.searchParams.set(key, value);
  return url;
}
