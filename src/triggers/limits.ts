/** How often rules may fire: cooldown, counts an hour and a day, and what all of them together may cost. */

import { formatDuration } from "../base/duration.ts";
import { formatSize } from "../base/size.ts";
import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { SuppressReason } from "./decision.ts";
import type { GlobalLimits, RuleLimits } from "./rule.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Why it may not fire now. */
export interface Refusal {
  readonly reason: SuppressReason;
  readonly detail: string;
  readonly until?: EpochMilliseconds;
}

export function refuse(reason: SuppressReason, detail: string, until?: number): Refusal {
  return until === undefined ? { reason, detail } : { reason, detail, until: epochMilliseconds(until) };
}

/** What happened in a rolling span of time, with an amount each. Bounded by who asks before adding. */
export class RollingSum {
  readonly #span: number;
  readonly #events: { at: number; readonly amount: number }[] = [];
  #sum = 0;

  constructor(span: number) {
    this.#span = span;
  }

  add(at: number, amount: number): void {
    this.#events.push({ at, amount });
    this.#sum += amount;
  }

  sum(now: number): number {
    this.#expire(now);
    return this.#sum;
  }

  /** When the oldest one leaves the span. */
  nextRelease(now: number): number | undefined {
    this.#expire(now);
    const oldest = this.#events[0];
    return oldest === undefined ? undefined : oldest.at + this.#span;
  }

  #expire(now: number): void {
    for (const event of this.#events) {
      // The wall clock was set back: what lies ahead of now would otherwise block until it comes round again.
      if (event.at > now) event.at = now;
    }
    while (this.#events[0] !== undefined && this.#events[0].at <= now - this.#span) {
      this.#sum -= this.#events.shift()?.amount ?? 0;
    }
  }
}

/** How often one rule fired on one target. */
export class FiringHistory {
  readonly #hour = new RollingSum(HOUR_MS);
  readonly #day = new RollingSum(DAY_MS);

  record(now: EpochMilliseconds): void {
    this.#hour.add(now, 1);
    this.#day.add(now, 1);
  }

  /** The clock was set back: what lies ahead of it counts from now on. */
  followClock(now: EpochMilliseconds): void {
    this.#hour.sum(now);
    this.#day.sum(now);
  }

  check(limits: RuleLimits, now: EpochMilliseconds): Refusal | undefined {
    const inHour = this.#hour.sum(now);
    if (inHour >= limits.maxPerHour) {
      const detail = `${inHour} captures in the last hour, max_per_hour is ${limits.maxPerHour}`;
      return refuse("max_per_hour", detail, this.#hour.nextRelease(now));
    }
    const inDay = this.#day.sum(now);
    if (inDay >= limits.maxPerDay) {
      const detail = `${inDay} captures in the last 24h, max_per_day is ${limits.maxPerDay}`;
      return refuse("max_per_day", detail, this.#day.nextRelease(now));
    }
    return undefined;
  }
}

/** How the agent itself is; what is not known does not limit. */
export interface AgentHealth {
  /** Share of one core. */
  readonly cpuRatio?: number;
  readonly memoryBytes?: number;
  /** Free space where captures are kept. */
  readonly diskFreeBytes?: number;
}

/** What all rules together may cost. */
export class GlobalBudget {
  #limits: GlobalLimits;
  readonly #captures = new RollingSum(HOUR_MS);
  readonly #bytes = new RollingSum(HOUR_MS);
  #health: AgentHealth = {};

  constructor(limits: GlobalLimits) {
    this.#limits = limits;
  }

  recordFiring(now: EpochMilliseconds): void {
    this.#captures.add(now, 1);
  }

  recordBytes(now: EpochMilliseconds, bytes: number): void {
    this.#bytes.add(now, bytes);
  }

  /** What was captured so far goes on counting. */
  set limits(limits: GlobalLimits) {
    this.#limits = limits;
  }

  set health(health: AgentHealth) {
    this.#health = health;
  }

  check(now: EpochMilliseconds): Refusal | undefined {
    const { maxCapturesPerHour, maxBytesPerHour } = this.#limits;
    const captures = this.#captures.sum(now);
    if (captures >= maxCapturesPerHour) {
      const detail = `${captures} captures of all rules in the last hour, max_captures_per_hour is ${maxCapturesPerHour}`;
      return refuse("budget", detail, this.#captures.nextRelease(now));
    }
    const bytes = this.#bytes.sum(now);
    if (bytes >= maxBytesPerHour) {
      const detail = `${formatSize(bytes)} captured by all rules in the last hour, max_bytes_per_hour is ${formatSize(maxBytesPerHour)}`;
      return refuse("budget", detail, this.#bytes.nextRelease(now));
    }
    return this.#checkHealth();
  }

  #checkHealth(): Refusal | undefined {
    const { maxAgentCpu, maxAgentMemory, minDiskFree } = this.#limits;
    const { cpuRatio = 0, memoryBytes = 0, diskFreeBytes } = this.#health;
    const percent = (ratio: number): string => `${Math.round(ratio * 100)}%`;
    if (cpuRatio > maxAgentCpu) {
      return refuse(
        "self_protection",
        `the agent uses ${percent(cpuRatio)} of a core, max_agent_cpu is ${percent(maxAgentCpu)}`,
      );
    }
    if (maxAgentMemory !== undefined && memoryBytes > maxAgentMemory) {
      return refuse(
        "self_protection",
        `the agent uses ${formatSize(memoryBytes)}, max_agent_memory is ${formatSize(maxAgentMemory)}`,
      );
    }
    if (diskFreeBytes !== undefined && diskFreeBytes < minDiskFree) {
      return refuse(
        "self_protection",
        `${formatSize(diskFreeBytes)} of disk are free, min_disk_free is ${formatSize(minDiskFree)}`,
      );
    }
    return undefined;
  }
}

/** For `detail` sentences: how long until. */
export function remaining(until: number, now: number): string {
  return formatDuration(Math.max(0, Math.round((until - now) / 1000) * 1000));
}
