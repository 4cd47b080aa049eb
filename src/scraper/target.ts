/** One Go process to watch. */
export interface Target {
  /** Unique in the agent: the job and the address. What the API, logs and metrics call it. */
  readonly name: string;
  readonly job: string;
  /** host:port */
  readonly address: string;
  readonly scheme: "http" | "https";
  readonly labels: Readonly<Record<string, string>>;
}

/** The name of the target at `address` in `job`. */
export function targetName(job: string, address: string): string {
  return `${job}@${address}`;
}

export function targetUrl(target: Target, path: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(`${target.scheme}://${target.address}${path}`);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return url;
}
