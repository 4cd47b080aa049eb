/**
 * Events → the agent's own metrics, in a registry of its own. Names and units by Prometheus' conventions; labels only
 * of what is bounded: targets, rules, and codes of the error taxonomy.
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AgentEvent } from "../events.ts";
import type { ObservationBatch } from "../signals/signal.ts";
import type { MetricFamily } from "./exposition.ts";
import { measureEngine, type EngineLevels, type SourceAge } from "./engine-metrics.ts";
import { ShippingMetrics } from "./shipping-metrics.ts";
import { SignalMetrics } from "./signal-metrics.ts";

/** Why a discovered address is not watched. */
const REFUSALS = ["address", "forbidden", "scheme", "labels", "duplicate", "limit"];

/** How often the delay of the event loop is looked at. */
const LAG_PRECISION_MS = 100;

export class Metrics {
  readonly #registry = new Registry();
  readonly #signals: SignalMetrics;
  readonly #shipping = new ShippingMetrics(this.#registry);
  readonly #byTarget: (Counter | Gauge)[] = [];

  // Of the stream and the ring.
  readonly #streamUp = this.#targetGauge(
    "gorewind_stream_up",
    "1 while the target's trace is being recorded.",
  );
  readonly #sessions = this.#targetCounter(
    "gorewind_stream_sessions_total",
    "Trace streams that were opened.",
  );
  readonly #streamEnds = this.#targetCounter(
    "gorewind_stream_ends_total",
    "Trace streams that ended, by how: finished, lost, broken.",
    ["how"],
  );
  readonly #refusals = this.#targetCounter(
    "gorewind_stream_refusals_total",
    "Streams that did not come to be, by error code.",
    ["code"],
  );
  readonly #overhead = this.#targetGauge(
    "gorewind_target_overhead_ratio",
    "What recording costs the service, as a share of its own CPU, while the stream is on. estimate: by its events (of one core, where its CPU is not known); measurement: by its own figures with the stream on and off.",
    ["by"],
  );
  readonly #scrapes = this.#targetCounter(
    "gorewind_scrapes_total",
    "Readings beside the trace, by what (metrics, vars, profile, probe, schedtrace) and outcome.",
    ["what", "outcome"],
  );
  readonly #snapshots = this.#targetCounter(
    "gorewind_snapshots_total",
    "Whole traces that a flight recorder inside the service gave out, by outcome: taken, rejected.",
    ["outcome"],
  );
  readonly #held = this.#targetGauge(
    "gorewind_stream_held",
    "1 while the tracer is let go, by why: yielded (somebody asked), paused (over budget).",
    ["how"],
  );
  readonly #followersDropped = this.#targetCounter(
    "gorewind_followers_dropped_total",
    "Readers of the agent's /debug/pprof/trace that were too slow and were cut off.",
  );
  readonly #received = this.#targetCounter("gorewind_stream_received_bytes_total", "Trace bytes received.");
  readonly #dropped = this.#targetCounter(
    "gorewind_stream_dropped_bytes_total",
    "Bytes of generations that were cut off by the end of a stream.",
  );
  readonly #generations = this.#targetCounter(
    "gorewind_generations_total",
    "Trace generations recorded whole.",
  );
  readonly #evicted = this.#targetCounter(
    "gorewind_ring_evicted_generations_total",
    "Generations that left the ring for newer ones.",
  );
  readonly #ringBytes = this.#targetGauge("gorewind_ring_bytes", "Size of the ring.");
  readonly #ringSpan = this.#targetGauge("gorewind_ring_span_seconds", "How far the ring reaches back.");
  readonly #ringGenerations = this.#targetGauge("gorewind_ring_generations", "Generations in the ring.");
  readonly #info = this.#targetGauge("gorewind_target_trace_info", "1, with the target's trace format.", [
    "format",
  ]);

  // Of the analysis.
  readonly #events = this.#targetCounter("gorewind_analysed_events_total", "Trace events read.");
  readonly #analysed = this.#targetCounter(
    "gorewind_analysed_generations_total",
    "Generations read for signals.",
  );
  readonly #analysis = this.#targetCounter(
    "gorewind_analysis_seconds_total",
    "Time spent reading generations.",
  );
  readonly #skipped = this.#targetCounter(
    "gorewind_skipped_generations_total",
    "Generations not read because analysis was behind; they stay in the ring.",
  );
  readonly #unreadable = this.#targetCounter(
    "gorewind_unreadable_generations_total",
    "Generations that could not be read, by error code.",
    ["code"],
  );
  readonly #seriesDropped = this.#targetCounter(
    "gorewind_signal_series_dropped_total",
    "Observations not exposed because their series would have been one too many.",
  );
  readonly #restarts = this.#counter("gorewind_analyser_restarts_total", "Deaths of an analysis thread.");

  // Of triggers, captures and uploads.
  readonly #firings = this.#counter("gorewind_trigger_firings_total", "Firings by rule.", ["rule"]);
  readonly #captures = this.#counter(
    "gorewind_captures_total",
    "Captures by rule and outcome: completed, merged, failed, refused.",
    ["rule", "outcome"],
  );
  readonly #captureSeconds = this.#histogram(
    "gorewind_capture_duration_seconds",
    "From the firing to the manifest on disk.",
    [0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60],
  );
  readonly #captureBytes = this.#counter("gorewind_capture_bytes_total", "Bytes of completed captures.");
  readonly #captureOmissions = this.#counter(
    "gorewind_capture_omissions_total",
    "Things that were asked for and are not in a capture.",
  );
  readonly #uploads = this.#counter(
    "gorewind_uploads_total",
    "Attempts to store a capture, by outcome: completed, retried, failed.",
    ["outcome"],
  );
  readonly #uploadErrors = this.#counter("gorewind_upload_errors_total", "Failed attempts by error code.", [
    "code",
  ]);
  readonly #uploadedBytes = this.#counter("gorewind_uploaded_bytes_total", "Bytes stored.");
  readonly #uploadSeconds = this.#histogram(
    "gorewind_upload_duration_seconds",
    "Of the attempt that succeeded.",
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  );
  readonly #spoolDropped = this.#counter(
    "gorewind_spool_dropped_captures_total",
    "Captures given up before they were stored, by reason.",
    ["reason"],
  );
  readonly #spoolRefused = this.#counter(
    "gorewind_spool_refused_captures_total",
    "Captures refused because the spool was full.",
  );
  readonly #spoolRecovered = this.#gauge(
    "gorewind_spool_recovered_captures",
    "Captures found in the spool at start.",
  );
  readonly #retention = this.#counter(
    "gorewind_retention_deleted_captures_total",
    "Captures that retention deleted, by reason.",
    ["reason"],
  );
  readonly #notifications = this.#counter(
    "gorewind_notifications_total",
    "Receivers told of a stored capture, by how (url, command) and outcome: sent, failed.",
    ["how", "outcome"],
  );
  readonly #problems = this.#counter(
    "gorewind_problems_total",
    "Things that went wrong and fit nowhere else, by code.",
    ["code"],
  );

  // Of the discovery of targets.
  readonly #discoveryTargets = this.#gauge(
    "gorewind_discovery_targets",
    "What a job's addresses became: active, dropped (by relabeling), or why they were refused.",
    ["job", "state"],
  );
  readonly #discoveryFailures = this.#counter(
    "gorewind_discovery_failures_total",
    "Failed attempts to discover targets; what was known goes on.",
    ["job", "mechanism", "code"],
  );
  readonly #discoveryUpdates = this.#counter(
    "gorewind_discovery_updates_total",
    "Times that other targets were discovered than before.",
    ["job", "mechanism"],
  );

  // Of the configuration.
  readonly #reloadOk = this.#gauge(
    "gorewind_config_last_reload_successful",
    "1 when the last reload of the configuration succeeded.",
  );
  readonly #reloadTime = this.#gauge(
    "gorewind_config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded.",
  );

  constructor(version: string, node: string) {
    this.#gauge("gorewind_build_info", "1, with the versions.", ["version", "node"]).set(
      { version, node },
      1,
    );
    // Every 10 ms, the default, is a hundred wake-ups a second: most of what an idle agent would cost.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
    // Gauges that are named like counters, which promtool rightly refuses; the series by type say the same.
    for (const what of ["handles", "requests", "resources"]) {
      this.#registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
    this.#signals = new SignalMetrics(this.#registry, (target) => this.#seriesDropped.inc({ target }));
  }

  /** Everything as it is now. */
  async families(): Promise<readonly MetricFamily[]> {
    return (await this.#registry.getMetricsAsJSON()) as unknown as readonly MetricFamily[];
  }

  observe(batch: ObservationBatch): void {
    this.#signals.observe(batch);
  }

  /** A gauge whose value is asked for at each scrape. */
  measured(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }

  measureEngine(levels: () => EngineLevels, staleness: () => readonly SourceAge[]): void {
    measureEngine(this.#registry, levels, staleness);
  }

  /** Forgets a target that is no longer watched: its series disappear. */
  removeTarget(target: string): void {
    for (const metric of this.#byTarget) {
      void metric.get().then(({ values }) => {
        for (const { labels } of values) if (labels["target"] === target) metric.remove(labels);
      });
    }
    this.#signals.remove(target);
  }

  record(event: AgentEvent): void {
    this.#shipping.record(event);
    switch (event.kind) {
      case "stream.opened":
        this.#sessions.inc({ target: event.target });
        this.#streamUp.set({ target: event.target }, 1);
        return;
      case "stream.recognised":
        this.#info.set({ target: event.target, format: event.format }, 1);
        return;
      case "stream.refused":
        this.#refusals.inc({ target: event.target, code: event.error.code });
        this.#streamUp.set({ target: event.target }, 0);
        return;
      case "stream.ended":
        this.#streamEnds.inc({ target: event.target, how: event.how });
        this.#dropped.inc({ target: event.target }, event.droppedBytes);
        this.#streamUp.set({ target: event.target }, 0);
        return;
      case "stream.held":
        this.#streamUp.set({ target: event.target }, 0);
        this.#hold(event.target, event.how);
        return;
      case "snapshot.taken":
      case "snapshot.rejected":
        this.#snapshots.inc({ target: event.target, outcome: event.kind.slice("snapshot.".length) });
        return;
      case "stream.resumed":
        this.#hold(event.target, undefined);
        return;
      case "generation.sealed":
        this.#generations.inc({ target: event.target });
        this.#received.inc({ target: event.target }, event.received);
        this.#evicted.inc({ target: event.target }, event.evicted);
        this.#ringBytes.set({ target: event.target }, event.ringBytes);
        this.#ringSpan.set({ target: event.target }, event.ringSpan / 1000);
        this.#ringGenerations.set({ target: event.target }, event.ringGenerations);
        return;
      case "generation.analysed":
        this.#analysed.inc({ target: event.target });
        this.#events.inc({ target: event.target }, event.events);
        this.#analysis.inc({ target: event.target }, event.took / 1000);
        return;
      case "generation.skipped":
        this.#skipped.inc({ target: event.target });
        return;
      case "generation.unreadable":
        this.#unreadable.inc({ target: event.target, code: event.code });
        return;
      case "analyser.restarted":
        this.#restarts.inc();
        return;
      default:
        this.#recordOutcome(event);
    }
  }

  #recordOutcome(event: AgentEvent): void {
    switch (event.kind) {
      case "trigger.fired":
        this.#firings.inc({ rule: event.rule });
        return;
      case "overhead.estimated":
        this.#overhead.set({ target: event.target, by: "estimate" }, event.estimated);
        if (event.measured !== undefined) {
          this.#overhead.set({ target: event.target, by: "measurement" }, event.measured);
        }
        return;
      case "scrape.completed":
        this.#scrapes.inc({ target: event.target, what: event.what, outcome: "completed" });
        return;
      case "scrape.failed":
        this.#scrapes.inc({ target: event.target, what: event.what, outcome: "failed" });
        return;
      case "follower.dropped":
        this.#followersDropped.inc({ target: event.target });
        return;
      case "capture.completed":
        for (const rule of event.rules) this.#captures.inc({ rule, outcome: "completed" });
        this.#captureBytes.inc(event.bytes);
        this.#captureSeconds.observe(event.took / 1000);
        this.#captureOmissions.inc(event.omitted.length);
        this.#signals.captured(event.target, event.id, event.measured);
        return;
      case "capture.merged":
        this.#captures.inc({ rule: event.rule, outcome: "merged" });
        return;
      case "capture.failed":
        this.#captures.inc({ rule: event.rule, outcome: "failed" });
        return;
      case "capture.refused":
        this.#captures.inc({ rule: event.rule, outcome: "refused" });
        return;
      case "upload.completed":
        this.#uploads.inc({ outcome: "completed" });
        this.#uploadedBytes.inc(event.bytes);
        this.#uploadSeconds.observe(event.duration / 1000);
        return;
      case "upload.retried":
      case "upload.failed":
        this.#uploads.inc({ outcome: event.kind === "upload.failed" ? "failed" : "retried" });
        this.#uploadErrors.inc({ code: event.code });
        return;
      case "spool.dropped":
        this.#spoolDropped.inc({ reason: event.reason });
        return;
      case "spool.full":
        this.#spoolRefused.inc();
        return;
      case "spool.recovered":
        this.#spoolRecovered.set(event.recovery.captures);
        return;
      case "retention.deleted":
        this.#retention.inc({ reason: event.reason });
        return;
      case "retention.failed":
      case "metrics.failed":
      case "index.failed":
      case "spool.journal_failed":
      case "spool.remove_failed":
      case "ring.mirror_failed":
      case "agent.problem":
        this.#problems.inc({ code: event.code });
        return;
      case "discovery.updated":
        this.#discoveryUpdates.inc({ job: event.job, mechanism: event.mechanism });
        return;
      case "discovery.failed":
        this.#discoveryFailures.inc({ job: event.job, mechanism: event.mechanism, code: event.code });
        return;
      case "discovery.resolved":
        for (const reason of REFUSALS) {
          this.#discoveryTargets.set({ job: event.job, state: reason }, event.refused[reason] ?? 0);
        }
        this.#discoveryTargets.set({ job: event.job, state: "active" }, event.active);
        this.#discoveryTargets.set({ job: event.job, state: "dropped" }, event.dropped);
        return;
      case "discovery.ended":
        for (const state of ["active", "dropped", ...REFUSALS]) {
          this.#discoveryTargets.remove({ job: event.job, state });
        }
        return;
      case "promql.failed":
        this.#problems.inc({ code: "promql_failed" });
        return;
      case "notification.sent":
      case "notification.failed":
        this.#notifications.inc({
          how: event.how,
          outcome: event.kind === "notification.sent" ? "sent" : "failed",
        });
        return;
      case "config.loaded":
        this.#reloadOk.set(1);
        this.#reloadTime.setToCurrentTime();
        return;
      case "config.rejected":
        this.#reloadOk.set(0);
        return;
      default:
        // Steps on the way to an outcome that is counted.
        return;
    }
  }

  #hold(target: string, how: "yielded" | "paused" | undefined): void {
    for (const each of ["yielded", "paused"]) this.#held.set({ target, how: each }, each === how ? 1 : 0);
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  #targetCounter(name: string, help: string, labelNames: string[] = []): Counter {
    const counter = this.#counter(name, help, ["target", ...labelNames]);
    this.#byTarget.push(counter);
    return counter;
  }

  #targetGauge(name: string, help: string, labelNames: string[] = []): Gauge {
    const gauge = this.#gauge(name, help, ["target", ...labelNames]);
    this.#byTarget.push(gauge);
    return gauge;
  }
}
