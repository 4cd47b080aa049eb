import { request } from "undici";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import type { Manifest } from "../capture/manifest.ts";
import type { Notification } from "./options.ts";

/** What is told of a stored capture. Slack and others that show `text` need no more. */
export interface CaptureNotice {
  readonly text: string;
  readonly id: string;
  readonly target: Manifest["target"];
  readonly reasons: Manifest["reasons"];
  readonly window: Manifest["window"];
  /** Where it is: `s3://bucket/key/` or a folder. */
  readonly location: string;
  /** A link to the trace that works without credentials, where the store can make one. */
  readonly link: string | undefined;
  /** The command that fetches it and opens it. */
  readonly command: string;
}

const FIRST_RETRY_MS = 1000;

export function noticeOf(
  manifest: Manifest,
  store: string,
  location: string,
  link: string | undefined,
): CaptureNotice {
  const { id, target, reasons, window } = manifest;
  const [first] = reasons;
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return {
    text: `${target.name}: ${first?.rule ?? "capture"}: ${first?.message ?? ""}${more}`,
    id,
    target,
    reasons,
    window,
    location,
    link,
    command: `gorewind captures open ${id} --store '${store}'`,
  };
}

/** POSTs the notice; tries again after a failure, a little later each time. @throws {Error} of the last try. */
export async function notify(
  to: Notification,
  notice: CaptureNotice,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { statusCode, body } = await request(to.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...to.headers },
        body: JSON.stringify(notice),
        headersTimeout: to.timeout,
        bodyTimeout: to.timeout,
        signal,
      });
      await body.dump();
      if (statusCode < 300) return;
      throw new Error(`${new URL(to.url).host} answered ${statusCode}`);
    } catch (error) {
      if (signal.aborted || attempt >= to.attempts) throw new Error(errorMessage(error), { cause: error });
      await clock.sleep(milliseconds(FIRST_RETRY_MS * 2 ** (attempt - 1)), signal);
    }
  }
}
