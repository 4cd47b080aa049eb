import { errorMessage } from "../base/errors.ts";
import { REPORT_NAME, TRACE_NAME } from "../capture/manifest.ts";
import type { OutsideEvent } from "../outside/events.ts";
import { noticeOf } from "../outside/notice.ts";
import type { Notifier } from "../outside/notifier.ts";
import { linksOf } from "../store/catalog/commands.ts";
import { AGE_SUFFIX } from "../store/encryption.ts";
import { worstSeverity } from "../store/severity.ts";
import type { Shipping } from "../store/shipping.ts";
import type { Shelf } from "./shelf.ts";

/** How long a link in a notification works: a week, the longest that S3 signs. */
const LINK_SECONDS = 7 * 86_400;

export interface NoticesDependencies {
  readonly shipping: Shipping;
  readonly shelf: Shelf;
  readonly notifier: Notifier;
  readonly emit: (event: OutsideEvent) => void;
}

/** Makes a notice of each stored capture, and has it told. */
export class Notices {
  readonly #deps: NoticesDependencies;
  readonly #making = new Set<Promise<void>>();

  constructor(deps: NoticesDependencies) {
    this.#deps = deps;
  }

  /** A capture is at its destination. */
  stored(id: string, signal: AbortSignal): void {
    if (!this.#deps.notifier.isWanted) return;
    const making = this.#make(id, signal).finally(() => this.#making.delete(making));
    this.#making.add(making);
  }

  /** Waits until all that is stored has been handed to the notifier. */
  async made(): Promise<void> {
    await Promise.all(this.#making);
  }

  async #make(id: string, signal: AbortSignal): Promise<void> {
    const { shipping, shelf, notifier, emit } = this.#deps;
    const { store, catalog } = shipping;
    try {
      const capture = await shelf.find(id, signal);
      if (capture === undefined) return;
      const { manifest, location, prefix } = capture;
      const links = await linksOf(catalog, { manifest, prefix }, LINK_SECONDS, signal);
      // Of an encrypted capture the link is to what it was encrypted to.
      const linkTo = (name: string): string | undefined => links?.[name] ?? links?.[name + AGE_SUFFIX];
      notifier.tell(
        noticeOf({
          manifest,
          severity: worstSeverity(manifest),
          store: store.location,
          location,
          trace: TRACE_NAME,
          link: linkTo(TRACE_NAME),
          report: linkTo(REPORT_NAME),
        }),
      );
    } catch (error) {
      emit({ kind: "notification.failed", how: "none", to: "everyone", id, message: errorMessage(error) });
    }
  }
}
