import { Counter, type Registry } from "prom-client";
import type { AgentEvent } from "../events.ts";

/** Of what is kept beside captures: mirrored rings, and rows of metrics. */
export class ShippingMetrics {
  readonly #unmirrored: Counter;
  readonly #left: Counter;
  readonly #rowsDropped: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#unmirrored = new Counter({
      name: "gorewind_ring_unmirrored_generations_total",
      help: "Generations that are not on the disk though ring.persist asks for it, by reason: behind, failed, bound.",
      labelNames: ["reason"],
      registers,
    });
    this.#left = new Counter({
      name: "gorewind_ring_left_total",
      help: "Rings that an agent that died left on the disk, by outcome: recovered, empty, too_soon, no_room, failed.",
      labelNames: ["outcome"],
      registers,
    });
    this.#rowsDropped = new Counter({
      name: "gorewind_metric_rows_dropped_total",
      help: "Rows of generations beyond upload.metrics.max_rows.",
      registers,
    });
  }

  record(event: AgentEvent): void {
    switch (event.kind) {
      case "ring.mirror_skipped":
        this.#unmirrored.inc({ reason: event.reason }, event.generations);
        return;
      case "ring.recovered":
        this.#left.inc({ outcome: "recovered" });
        return;
      case "ring.left_dropped":
        this.#left.inc({ outcome: event.reason });
        return;
      case "metrics.dropped":
        this.#rowsDropped.inc(event.rows);
        return;
      default:
        return;
    }
  }
}
