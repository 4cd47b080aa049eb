import type { Wake } from "./detector.ts";
import { HistogramWindow, isHistogramQuery } from "./histogram-window.ts";
import type { SignalQuery } from "./rule.ts";
import { SampleWindow, type ValueWindow } from "./window.ts";

export function createWindow(query: SignalQuery, wake: Wake): ValueWindow {
  return isHistogramQuery(query) ? new HistogramWindow(query, wake) : new SampleWindow(query, wake);
}
