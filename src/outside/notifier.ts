import { withDeadline } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { errorMessage } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import { runCommand } from "./command.ts";
import type { OutsideEvent } from "./events.ts";
import type { CaptureNotice } from "./notice.ts";
import type { Notification } from "./options.ts";
import { postNotice } from "./webhook.ts";

/** Notices that may be on their way at once, over all receivers; more are dropped and counted. */
const MAX_NOTICES = 100;
/** Commands that run at once; others wait. */
const MAX_COMMANDS = 4;
const FIRST_RETRY_MS = 1000;

export interface NotifierDependencies {
  readonly clock: Clock;
  readonly emit: (event: OutsideEvent) => void;
  /** The agent's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Tells receivers of captures. What is on its way goes on when the receivers change. */
export class Notifier {
  readonly #deps: NotifierDependencies;
  readonly #stopping = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  #receivers: readonly Notification[] = [];
  #commands = 0;
  readonly #turns: (() => void)[] = [];

  constructor(deps: NotifierDependencies) {
    this.#deps = deps;
  }

  configure(receivers: readonly Notification[]): void {
    this.#receivers = receivers;
  }

  /** Whether anybody wants to know. */
  get isWanted(): boolean {
    return this.#receivers.length > 0;
  }

  tell(notice: CaptureNotice): void {
    const rules = new Set(notice.reasons.map(({ rule }) => rule));
    for (const to of this.#receivers) {
      if (to.rules !== undefined && !to.rules.some((rule) => rules.has(rule))) continue;
      if (this.#sending.size >= MAX_NOTICES) {
        this.#failed(to, notice, `${MAX_NOTICES} notices are on their way, which is the most`);
        continue;
      }
      const sending = this.#send(to, notice).finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
    }
  }

  /** Waits until nothing is on its way, or until `limit`; then gives up the rest. */
  async drain(limit: Milliseconds): Promise<void> {
    const timer = new AbortController();
    const late = this.#deps.clock.sleep(limit, timer.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#sending), late]);
    timer.abort();
    this.#stopping.abort(new Error("the agent stopped"));
    await Promise.all(this.#sending);
  }

  async #send(to: Notification, notice: CaptureNotice): Promise<void> {
    const { clock, emit } = this.#deps;
    const { signal } = this.#stopping;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt(to, notice, signal);
        emit({ kind: "notification.sent", how: to.kind, to: nameOf(to), id: notice.id });
        return;
      } catch (error) {
        if (signal.aborted || attempt >= to.attempts) {
          this.#failed(to, notice, errorMessage(error));
          return;
        }
        const pause = milliseconds(FIRST_RETRY_MS * 2 ** (attempt - 1));
        await clock.sleep(pause, signal).catch(() => undefined);
      }
    }
  }

  async #attempt(to: Notification, notice: CaptureNotice, signal: AbortSignal): Promise<void> {
    const late = (): Error => new Error(`not done within ${formatDuration(to.timeout)}`);
    if (to.kind === "url") {
      return await withDeadline(signal, to.timeout, late, (inTime) => postNotice(to, notice, inTime));
    }
    await this.#turn();
    try {
      const { environment } = this.#deps;
      await withDeadline(signal, to.timeout, late, (inTime) => runCommand(to, notice, environment, inTime));
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#commands--;
      else next();
    }
  }

  /** Takes a place among the commands that run, or waits until one hands on its own. */
  async #turn(): Promise<void> {
    if (this.#commands < MAX_COMMANDS) this.#commands++;
    else await new Promise<void>((resolve) => this.#turns.push(resolve));
  }

  #failed(to: Notification, { id }: CaptureNotice, message: string): void {
    this.#deps.emit({ kind: "notification.failed", how: to.kind, to: nameOf(to), id, message });
  }
}

/** For the log: of a hook's address and a command's arguments the rest may be secret. */
function nameOf(to: Notification): string {
  return to.kind === "url" ? new URL(to.url).host : (to.command[0] ?? "");
}
