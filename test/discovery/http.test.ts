import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { discover, discoveryOptions } from "./support.ts";

interface ListServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: IncomingMessage[];
  answer: (response: ServerResponse) => void;
}

async function listServer(): Promise<ListServer> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    list.answer(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const list: ListServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/targets`,
    asked,
    answer: (response) => response.end(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return list;
}

const json =
  (value: unknown) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
  };

const http = (url: string, more: object = {}) =>
  discover(discoveryOptions({ http_sd_configs: [{ url, refresh_interval: "100ms", ...more }] }), "/");

describe("http_sd_configs", () => {
  it("asks as Prometheus does, and follows what it is told", async () => {
    await using server = await listServer();
    server.answer = json([{ targets: ["10.0.0.1:1"], labels: { zone: "a" } }, { targets: ["10.0.0.2:1"] }]);
    await using found = http(server.url, { authorization: { credentials: "let me in" } });
    await found.until(["10.0.0.1:1", "10.0.0.2:1"]);
    expect(found.updates[0]?.[0]?.labels).toEqual({ zone: "a", __meta_url: server.url });
    expect(server.asked[0]?.headers).toMatchObject({
      accept: "application/json",
      authorization: "Bearer let me in",
      "x-prometheus-refresh-interval-seconds": "0.1",
    });
    server.answer = json([{ targets: ["10.0.0.3:1"] }]);
    await found.until(["10.0.0.3:1"]);
    server.answer = json([]);
    await found.until([]);
    // The same answer is no news.
    expect(found.updates).toHaveLength(3);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["a failure", (response) => response.writeHead(500).end("out of order"), /answered 500: out of order/],
    ["a redirect", (response) => response.writeHead(302, { location: "/" }).end(), /answered 302/],
    [
      "another type",
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("[]"),
      /not application\/json/,
    ],
    [
      "what is no JSON",
      (response) => response.writeHead(200, { "content-type": "application/json" }).end("[{"),
      /sends no JSON/,
    ],
    ["what is no list", json({ targets: [] }), /expected a list/],
    ["what has no addresses", json([{ targets: [7] }]), /targets is a list of host:port/],
    ["a broken connection", (response) => response.destroy(), /could not be asked/],
    [
      "a packed answer",
      (response) =>
        response
          .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
          .end(gzipSync(Buffer.alloc(1024 * 1024))),
      /packs its answer as gzip/,
    ],
    [
      "an answer without an end",
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024, 0x20)));
        };
        response.on("drain", more).on("error", () => undefined);
        more();
      },
      /more than 16777216 bytes/,
    ],
  ])("keeps the last good list through %s", async (_, answer, message) => {
    await using server = await listServer();
    server.answer = json([{ targets: ["10.0.0.1:1"] }]);
    await using found = http(server.url);
    await found.until(["10.0.0.1:1"]);
    server.answer = answer;
    await found.failure(message);
    expect(found.addresses()).toEqual(["10.0.0.1:1"]);
    server.answer = json([{ targets: ["10.0.0.2:1"] }]);
    await found.until(["10.0.0.2:1"]);
  });
});
