import { request } from "undici";
import type { CaptureNotice } from "./notice.ts";
import type { WebHook } from "./options.ts";

/** POSTs the notice. @throws {Error} it was not taken. */
export async function postNotice(to: WebHook, notice: CaptureNotice, signal: AbortSignal): Promise<void> {
  const { statusCode, body } = await request(to.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...to.headers },
    body: JSON.stringify(notice),
    signal,
  });
  await body.dump();
  if (statusCode >= 300) throw new Error(`${new URL(to.url).host} answered ${statusCode}`);
}
