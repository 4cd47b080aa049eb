import { parseDuration } from "../../base/duration.ts";
import { formatSize } from "../../base/size.ts";
import { SUMMARY_NUMBERS, type SummaryNumber } from "../../base/summary.ts";
import { SORT_KEYS, type CaptureFilter, type SortKey } from "../../store/catalog/filter.ts";
import type { IndexRow } from "../../store/index/row.ts";
import { formatValue } from "../../triggers/threshold.ts";
import { splitLabel, UsageError } from "../arguments.ts";
import type { CommandIo } from "../io.ts";
import { withCatalog, type StoreArguments } from "../store-argument.ts";
import { formatTable } from "../table.ts";

export interface ListArguments extends StoreArguments {
  readonly service?: string;
  readonly target?: string;
  readonly rule?: string;
  readonly severity?: string;
  readonly label?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly minValue?: string;
  readonly maxValue?: string;
  readonly pinned?: boolean;
  readonly sort: string;
  readonly limit: string;
  readonly json?: boolean;
  readonly scan?: boolean;
}

/** `gorewind captures ls`: what is in a store, newest first. */
export async function listCaptures(args: ListArguments, io: CommandIo, signal: AbortSignal): Promise<number> {
  const request = {
    filter: filterOf(args, io.now()),
    limit: positive("--limit", args.limit),
    sort: sortOf(args.sort),
    source: args.scan === true ? ("scan" as const) : ("auto" as const),
  };
  return await withCatalog(args, io, async (catalog) => {
    const rows = await catalog.list(request, signal);
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    io.out(args.json === true ? lines : format(rows, request.sort, catalog.store.location));
    return 0;
  });
}

function format(rows: readonly IndexRow[], sort: SortKey, location: string): string {
  if (rows.length === 0) return `no such captures in ${location}\n`;
  // What it is sorted by, where that is not in a column anyway.
  const number = SUMMARY_NUMBERS.find((name) => name === sort);
  return formatTable(
    [
      { title: "CREATED" },
      { title: "ID" },
      { title: "SERVICE" },
      { title: "RULE" },
      { title: "VALUE", align: "right" },
      { title: "THRESHOLD", align: "right" },
      { title: "SIZE", align: "right" },
      ...(number === undefined ? [] : [{ title: number.toUpperCase(), align: "right" as const }]),
      { title: "" },
    ],
    rows.map((row) => [
      new Date(row.created).toISOString().slice(0, 19).replace("T", " "),
      row.id,
      row.service,
      row.reasons > 1 ? `${row.rule} +${row.reasons - 1}` : row.rule,
      valueOf(row.value, row.unit),
      valueOf(row.threshold, row.unit),
      formatSize(row.bytes),
      ...(number === undefined ? [] : [numberOfSummary(number, row[number])]),
      [row.pinned ? "pinned" : "", row.complete === false ? "incomplete" : ""].filter(Boolean).join(", "),
    ]),
  );
}

function valueOf(value: number | undefined, unit: string | undefined): string {
  if (value === undefined) return "";
  const [base = "count", perSecond] = (unit ?? "count").split("/");
  const known = base === "seconds" || base === "bytes" || base === "ratio" ? base : "count";
  return formatValue(value, { unit: known, perSecond: perSecond !== undefined });
}

function numberOfSummary(name: SummaryNumber, value: number | undefined): string {
  if (value === undefined) return "";
  if (name.endsWith("_ns")) return formatValue(value / 1e9, { unit: "seconds", perSecond: false });
  return name.endsWith("_bytes") ? formatSize(value) : String(value);
}

function filterOf(args: ListArguments, now: number): CaptureFilter {
  const { service, target, rule, severity, pinned } = args;
  const labels = Object.fromEntries((args.label ?? []).map(splitLabel));
  return {
    ...(service !== undefined && { service }),
    ...(target !== undefined && { target }),
    ...(rule !== undefined && { rule }),
    ...(severity !== undefined && { severity }),
    ...(pinned !== undefined && { pinned }),
    ...(args.label !== undefined && { labels }),
    ...(args.since !== undefined && { since: timeOf("--since", args.since, now) }),
    ...(args.until !== undefined && { until: timeOf("--until", args.until, now) }),
    ...(args.minValue !== undefined && { minValue: numberOf("--min-value", args.minValue) }),
    ...(args.maxValue !== undefined && { maxValue: numberOf("--max-value", args.maxValue) }),
  };
}

/** A duration back from now, or a date and time. */
function timeOf(option: string, text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new UsageError(
    `${option}: expected how long ago (2h, 7d) or a time (2026-11-23T10:00:00Z), not "${text}"`,
  );
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UsageError(
    `${option}: expected a number in the signal's base unit (seconds, bytes), not "${text}"`,
  );
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`${option}: expected a whole number above 0, not "${text}"`);
}

function sortOf(text: string): SortKey {
  const found = SORT_KEYS.find((key) => key === text);
  if (found !== undefined) return found;
  throw new UsageError(`--sort: expected one of ${SORT_KEYS.join(", ")}, not "${text}"`);
}
