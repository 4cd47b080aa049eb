import type { MirrorEvent, OverheadEvent, ScrapeEvent } from "./agent/events.ts";
import type { CaptureEvent } from "./capture/events.ts";
import type { ConfigEvent } from "./config/events.ts";
import type { DiscoveryEvent } from "./discovery/events.ts";
import type { ObserveEvent } from "./observe/events.ts";
import type { OutsideEvent } from "./outside/events.ts";
import type { RecorderEvent } from "./recorder/events.ts";
import type { StoreEvent } from "./store/events.ts";
import type { TriggerEvent } from "./triggers/events.ts";

/** The agent's own life. */
export type LifeEvent =
  | { readonly kind: "agent.started"; readonly version: string; readonly address: string }
  | { readonly kind: "agent.stopping"; readonly reason: string }
  | { readonly kind: "agent.stopped" }
  /** Somebody who read a target's live trace from the agent was too slow, and was cut off. */
  | { readonly kind: "follower.dropped"; readonly target: string; readonly message: string }
  | {
      readonly kind: "agent.problem";
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    };

/** All that happens: each folder declares its own, telemetry makes one log line and metrics of each. */
export type AgentEvent =
  | RecorderEvent
  | ObserveEvent
  | ScrapeEvent
  | OverheadEvent
  | MirrorEvent
  | TriggerEvent
  | OutsideEvent
  | CaptureEvent
  | StoreEvent
  | DiscoveryEvent
  | ConfigEvent
  | LifeEvent;
