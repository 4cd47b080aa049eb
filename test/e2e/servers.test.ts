import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { createAuthority, opensslUnavailable } from "../support/certificates.ts";
import { buildGo, goUnavailable, type GoChoice } from "../support/go.ts";
import { start, type Child } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const open: AsyncDisposable[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-servers-"));
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

/** A service that serves pprof the way the flags say. */
async function launch(version: GoChoice, ...args: string[]): Promise<{ child: Child; address: string }> {
  const child = keep(await start(await buildGo("test/go/tlspprof", { version }), args));
  const line = await child.line((text) => text.startsWith("listening "));
  return { child, address: line.slice("listening ".length) };
}

const sealed = (agent: RunningAgent, target: string) =>
  agent.event((line) => line.event === "generation.sealed" && line["target"] === target);

const opened = (agent: RunningAgent): number =>
  agent.events().filter((line) => line.event === "stream.opened").length;

describe.each(["1.22", "local"] as const)("a server built with Go %s", async (version) => {
  const reason = (await goUnavailable(version)) ?? (await opensslUnavailable());
  const skip = requireOrSkip(`ways to serve pprof with Go ${version}`, reason);

  it.skipIf(skip)(
    "is recorded through mTLS with a token that is rotated, on IPv6, and over a unix socket",
    { timeout: 180_000 },
    async () => {
      const authority = await createAuthority(folder);
      const server = await authority.issue("server", ["DNS:shop.test"]);
      await authority.issue("client");
      const token = join(folder, "token");
      await writeFile(token, "first");
      const socket = join(folder, "pprof.sock");
      const tls = ["-cert", server.cert, "-key", server.key, "-client-ca", authority.cert];
      const secure = await launch(version, "-addr", "[::1]:0", ...tls, "-token-file", token);
      await launch(version, "-network", "unix", "-addr", socket);
      const config = `
scrape_configs:
  - job_name: secure
    scheme: https
    static_configs: [{ targets: ["${secure.address}"] }]
    authorization: { credentials_file: ${token} }
    tls_config:
      ca_file: ${authority.cert}
      cert_file: ${folder}/client.crt
      key_file: ${folder}/client.key
      server_name: shop.test
    http_headers: { X-Tenant: { values: [ours] } }
  - job_name: socket
    static_configs: [{ targets: ["unix:${socket}"] }]
`;
      const agent = keep(await startAgent({ config }));
      await Promise.all([sealed(agent, `secure@${secure.address}`), sealed(agent, `socket@unix:${socket}`)]);
      await secure.child.line((line) => line === "request HTTP/1.1 /debug/pprof/trace tenant=ours");

      await writeFile(token, "second");
      expect((await agent.post("/api/v1/targets/secure/capture?before=1s&after=0s")).status).toBe(202);
      const done = await agent.event((line) => line.event === "capture.completed");
      expect(done["omitted"]).toEqual([]);
      expect((await agent.post("/api/v1/targets/socket/capture?before=1s&after=0s")).status).toBe(202);
      const other = await agent.event(
        (line) => line.event === "capture.completed" && line["id"] !== done["id"],
      );
      expect(other["omitted"]).toEqual([]);
      expect(
        agent
          .events()
          .map((line) => JSON.stringify(line))
          .join(),
      ).not.toMatch(/"(first|second)"/);
    },
  );

  it.skipIf(skip)(
    "is recorded though its WriteTimeout is short, on connections that are kept",
    { timeout: 180_000 },
    async () => {
      const { child, address } = await launch(version, "-write-timeout", "4s");
      const config = `
scrape_configs:
  - job_name: short
    static_configs: [{ targets: ["${address}"] }]
    vars: { interval: 1s }
`;
      const agent = keep(await startAgent({ config }));
      await sealed(agent, `short@${address}`);
      const refused = agent.events().filter((line) => line.event === "stream.refused");
      const requests = () => child.lines("stdout").filter((line) => line.includes("/debug/vars")).length;
      if (version === "1.22") {
        // Go 1.22 and older refuse what takes longer than the WriteTimeout: what they allow is found out, and opened anew.
        expect(refused[0]).toMatchObject({ code: "scrape_limit" });
        expect(String(refused[0]?.["hint"])).toMatch(/WriteTimeout/);
        await expect.poll(() => opened(agent), { timeout: 60_000 }).toBeGreaterThanOrEqual(3);
        const ends = agent.events().filter((line) => line.event === "stream.ended");
        expect(ends.map((line) => line["how"])).toEqual(ends.map(() => "finished"));
      } else {
        // Later ones extend it for as long as they were asked for.
        expect(refused).toEqual([]);
        await expect.poll(requests, { timeout: 60_000 }).toBeGreaterThan(6);
        expect(opened(agent)).toBe(1);
      }
      await expect.poll(requests, { timeout: 60_000 }).toBeGreaterThan(4);
      // One for the stream, and one for what is read beside it.
      expect(child.lines("stdout").filter((line) => line === "connection").length).toBeLessThanOrEqual(3);
    },
  );
});
