/**
 * What one trace event costs the service, in ns of CPU. Measured with Go 1.26.8 on a 2-core virtual machine by
 * `bench/agent/event-cost.mjs`: 83 ns for the events of channel handoffs, 114 ns for those of regions. Real stacks are deeper
 * than the bench's, and unwinding them is a good part of it, so the estimate is on the side of caution.
 */
export const EVENT_COST_NS = 150;

/** Bytes of an event, where events were not counted: between 4 and 9 in real traces, 5.6 in the bench's. */
export const EVENT_BYTES = 5.5;
