import type { Observation } from "../signals/signal.ts";
import type { RecorderEvent } from "../recorder/events.ts";

/** What a recorder's event says of the target's life, as signals that rules can look at; empty for most events. */
export function lifeSignals(event: RecorderEvent): readonly Observation[] {
  switch (event.kind) {
    case "stream.opened":
      return [gauge("stream_up", 1), gauge("target_up", 1)];
    case "stream.ended":
      // A stream that ended after its time says nothing: the next one is opened at once.
      return event.how === "lost"
        ? [gauge("stream_up", 0), happened("stream_lost", event.code ?? "lost")]
        : event.how === "broken"
          ? [gauge("stream_up", 0)]
          : [];
    case "snapshot.taken":
      return [
        gauge("target_up", 1),
        ...(event.mode === "file" ? [{ signal: "trace_file", labels: {}, values: [1] }] : []),
      ];
    case "stream.held":
      return [gauge("stream_up", 0)];
    case "stream.refused": {
      const { kind } = event.error;
      // The agent did not ask: that says nothing of the target.
      if (kind === "credentials" || kind === "forbidden") return [gauge("stream_up", 0)];
      const answered = kind !== "connect" && kind !== "timeout" && kind !== "tls";
      return [
        gauge("stream_up", 0),
        gauge("target_up", answered ? 1 : 0),
        ...(answered ? [happened("stream_refused", event.error.code)] : []),
      ];
    }
    default:
      return [];
  }
}

function gauge(signal: string, value: number): Observation {
  return { signal, labels: {}, values: [value] };
}

function happened(signal: string, reason: string): Observation {
  return { signal, labels: { reason }, values: [1] };
}
