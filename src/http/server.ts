import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { GorewindError } from "../base/errors.ts";
import { createApi, type AgentApi } from "./api.ts";
import type { HttpOptions } from "./options.ts";

export interface HttpServer {
  /** `http://127.0.0.1:7099` */
  readonly address: string;
  close(): Promise<void>;
}

/** The agent's own server could not be started. */
class ListenError extends GorewindError {}

/** @throws {GorewindError} `listen`: the address is taken or not ours. */
export async function startHttp(options: HttpOptions, agent: AgentApi): Promise<HttpServer> {
  const app = createApi(agent);
  const server = await new Promise<Server>((resolve, reject) => {
    const starting = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, () =>
      resolve(starting as Server),
    );
    starting.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        new ListenError("listen", `cannot listen on ${options.host}:${options.port} (${error.code})`, {
          cause: error,
          hint: "Give http.listen another address, or stop what listens there.",
        }),
      ),
    );
  });
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
