import type { Manifest } from "../capture/manifest.ts";

/** What is told of a stored capture. Slack and others that show `text` need no more. */
export interface CaptureNotice {
  readonly text: string;
  readonly id: string;
  /** The worst of its reasons. */
  readonly severity: string;
  readonly target: Manifest["target"];
  readonly reasons: Manifest["reasons"];
  readonly window: Manifest["window"];
  /** Where it is: `s3://bucket/key` or a folder. */
  readonly location: string;
  /** Links to the trace, and to the report, that work without credentials, where the store can make them. */
  readonly link: string | undefined;
  readonly report: string | undefined;
  /** The command that fetches the capture and opens it. */
  readonly command: string;
  /** The same with nothing but a shell and Go; undefined where that cannot be, or there is no trace. */
  readonly go_tool_trace: string | undefined;
}

/** Where a capture was stored. */
export interface StoredAt {
  readonly manifest: Manifest;
  readonly severity: string;
  /** As `--store` takes it. */
  readonly store: string;
  /** Of the capture. */
  readonly location: string;
  /** Its trace's name. */
  readonly trace: string;
  readonly link: string | undefined;
  readonly report: string | undefined;
}

export function noticeOf(stored: StoredAt): CaptureNotice {
  const { manifest, severity, location, link, report } = stored;
  const { id, target, reasons, window } = manifest;
  const [first] = reasons;
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return {
    text: `${target.name}: ${first?.rule ?? "capture"}: ${first?.message ?? ""}${more}`,
    id,
    severity,
    target,
    reasons,
    window,
    location,
    link,
    report,
    command: `gorewind captures open ${id} --store ${quoted(stored.store)}`,
    go_tool_trace: goToolTrace(stored),
  };
}

function goToolTrace({ manifest, location, trace, link }: StoredAt): string | undefined {
  if (!manifest.files.some(({ name }) => name === trace)) return undefined;
  if (link !== undefined) {
    const file = `${manifest.id}.trace`;
    return `curl -fsS -o ${file} ${quoted(link)} && go tool trace ${file}`;
  }
  return location.includes("://") ? undefined : `go tool trace ${quoted(`${location}/${trace}`)}`;
}

/** One word for a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** What a command has of the notice in its environment; all of it is on its standard input. */
export function environmentOf(notice: CaptureNotice): Readonly<Record<string, string>> {
  const { id, severity, target, reasons, text, location, link, report, command } = notice;
  const variables = {
    GOREWIND_CAPTURE_ID: id,
    GOREWIND_TARGET: target.name,
    GOREWIND_RULES: [...new Set(reasons.map(({ rule }) => rule))].join(","),
    GOREWIND_SEVERITY: severity,
    GOREWIND_TEXT: text,
    GOREWIND_LOCATION: location,
    GOREWIND_LINK: link ?? "",
    GOREWIND_REPORT: report ?? "",
    GOREWIND_OPEN: command,
    GOREWIND_GO_TOOL_TRACE: notice.go_tool_trace ?? "",
  };
  // A service's labels may have any character; an environment cannot have this one.
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value.replaceAll("\0", "")]),
  );
}
