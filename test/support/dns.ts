import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDebian } from "./debian.ts";
import { freePort } from "./port.ts";
import { start, type Child } from "./process.ts";

const PROGRAM = "/usr/sbin/dnsmasq";

/** Why a DNS server cannot be run here, or undefined. Installs dnsmasq where it can. */
export async function dnsUnavailable(): Promise<string | undefined> {
  return await installDebian(PROGRAM, ["dnsmasq-base"]);
}

export interface DnsServer extends AsyncDisposable {
  /** 127.0.0.1:port */
  readonly address: string;
  /** Answers with these records from now on: dnsmasq's options, `host-record=a.test,10.0.0.1`. */
  serve(records: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** A real DNS server (dnsmasq) that knows everything below `test.` and nothing else. */
export async function startDns(records: readonly string[]): Promise<DnsServer> {
  const folder = await mkdtemp(join(tmpdir(), "gorewind-dns-"));
  const port = await freePort();
  const config = join(folder, "dnsmasq.conf");
  let child: Child | undefined;
  const stop = async (): Promise<void> => {
    await child?.stop();
    child = undefined;
  };
  const serve = async (lines: readonly string[]): Promise<void> => {
    await stop();
    const fixed = ["local=/test/", "no-resolv", "no-hosts", "bind-interfaces", "listen-address=127.0.0.1"];
    await writeFile(config, [...fixed, `port=${port}`, "log-facility=-", ...lines, ""].join("\n"));
    child = await start(PROGRAM, [
      "--keep-in-foreground",
      `--conf-file=${config}`,
      `--pid-file=${join(folder, "pid")}`,
      "--user=",
    ]);
    await child.line((line) => line.includes("started"), { stream: "stderr", timeoutMs: 10_000 });
  };
  await serve(records);
  return {
    address: `127.0.0.1:${port}`,
    serve,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
