/** Real programs that are told of captures: what they are given, and what happens when they misbehave. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import type { Manifest } from "../../src/capture/manifest.ts";
import { systemClock } from "../../src/cli/clock.ts";
import type { OutsideEvent } from "../../src/outside/events.ts";
import { noticeOf, type CaptureNotice, type StoredAt } from "../../src/outside/notice.ts";
import { Notifier } from "../../src/outside/notifier.ts";
import { notificationsOptions } from "../../src/outside/options.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-notifier-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const manifest: Manifest = {
  version: 1,
  id: "20261125t100000000-abc",
  created: "2026-11-25T10:00:00.000Z",
  target: { name: "shop@a:1", job: "shop", address: "a:1", labels: {} },
  reasons: [
    {
      rule: "slow",
      kind: "rule",
      severity: "warning",
      at: "2026-11-25T10:00:00.000Z",
      annotations: { runbook: "https://runbooks/slow" },
      message: `task{task="a'b $(touch /tmp/no)"} was 80ms\0, above 50ms`,
    },
  ],
  agent: { version: "1", host: "h", config_hash: "x" },
  files: [{ name: "trace.out", content_type: "", bytes: 1, sha256: "0".repeat(64) }],
  omitted: [],
};

const notice = (more: Partial<StoredAt> = {}): CaptureNotice =>
  noticeOf({
    manifest,
    severity: "warning",
    store: "/captures",
    location: "/captures/it's/20261125",
    trace: "trace.out",
    link: undefined,
    report: undefined,
    ...more,
  });

/** A notifier with these receivers, as a configuration has them, and what it said. */
function notifier(...receivers: readonly object[]) {
  const events: OutsideEvent[] = [];
  const environment = {
    PATH: process.env["PATH"],
    TZ: "UTC",
    AWS_SECRET_ACCESS_KEY: "secret",
    NODE_OPTIONS: "--inspect",
  };
  const made = new Notifier({ clock: systemClock, emit: (event) => void events.push(event), environment });
  made.configure(notificationsOptions.parse(receivers));
  const ended = async (count: number): Promise<readonly OutsideEvent[]> => {
    while (events.length < count) await sleep(10);
    return events;
  };
  return { made, ended, events };
}

const textOf = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
const messageOf = (event: OutsideEvent | undefined): string =>
  event && "message" in event ? event.message : "";

/** Whether a process is still there, and is not just waiting for its exit to be seen. */
async function lives(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return state !== "" && !/\) Z /.test(state);
}

async function gone(pid: number): Promise<void> {
  while (await lives(pid)) await sleep(10);
}

describe("what a command is given", { timeout: 60_000 }, () => {
  it("the notice on its input, its facts in an environment without the agent's secrets, its arguments as they are", async () => {
    const script = `cat > "$1/input"; env > "$1/env"; printf %s "$2" > "$1/argument"`;
    const strange = `$(touch ${folder}/injected); "'`;
    const { made, ended } = notifier({
      exec: ["/bin/sh", "-c", script, "page", folder, strange],
      env: { PAGER_KEY: "k 1", GOREWIND_RULES: "cannot be overridden" },
    });
    const told = notice();
    made.tell(told);
    expect(await ended(1)).toEqual([
      { kind: "notification.sent", how: "command", to: "/bin/sh", id: told.id },
    ]);
    expect(JSON.parse(await textOf("input"))).toEqual(JSON.parse(JSON.stringify(told)));
    expect(await textOf("argument")).toBe(strange);
    const names = (await textOf("env")).split("\n").map((line) => line.split("=")[0] ?? "");
    const own = names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD", ""].includes(name));
    expect(own.toSorted()).toEqual([
      "GOREWIND_CAPTURE_ID",
      "GOREWIND_GO_TOOL_TRACE",
      "GOREWIND_LINK",
      "GOREWIND_LOCATION",
      "GOREWIND_OPEN",
      "GOREWIND_REPORT",
      "GOREWIND_RULES",
      "GOREWIND_SEVERITY",
      "GOREWIND_TARGET",
      "GOREWIND_TEXT",
      "PAGER_KEY",
      "PATH",
      "TZ",
    ]);
    expect(await textOf("env")).toMatch(/^GOREWIND_RULES=slow$/m);
    expect(told.reasons[0]?.annotations).toEqual({ runbook: "https://runbooks/slow" });
    expect(await textOf("injected").catch(() => "none")).toBe("none");
  });

  it("a ready go tool trace command, whatever its path is called", () => {
    expect(notice().go_tool_trace).toBe(String.raw`go tool trace '/captures/it'\''s/20261125/trace.out'`);
    expect(notice({ location: "s3://b/k", link: "https://s3/x?a=1&b='" }).go_tool_trace).toBe(
      String.raw`curl -fsS -o 20261125t100000000-abc.trace 'https://s3/x?a=1&b='\'''` +
        " && go tool trace 20261125t100000000-abc.trace",
    );
    expect(notice({ location: "s3://b/k" }).go_tool_trace).toBeUndefined();
    expect(notice({ manifest: { ...manifest, files: [] } }).go_tool_trace).toBeUndefined();
  });

  it("a shell only when one is asked for", async () => {
    const { made, ended } = notifier(
      { shell: `echo "$GOREWIND_TARGET: $GOREWIND_TEXT" | tr a-z A-Z > ${folder}/shell` },
      { exec: ["echo $GOREWIND_TARGET > /dev/null"] },
    );
    made.tell(notice());
    const events = await ended(2);
    expect(events.find(({ kind }) => kind === "notification.failed")).toMatchObject({
      message: expect.stringMatching(/ENOENT/) as string,
    });
    expect(await textOf("shell")).toMatch(
      /^SHOP@A:1: SHOP@A:1: SLOW: .*TOUCH \/TMP\/NO.* WAS 80MS, ABOVE 50MS\n$/,
    );
  });

  it("and for captures of the rules it asked for alone", async () => {
    const { made, ended } = notifier(
      { shell: "true", rules: ["other"] },
      { exec: ["true"], rules: ["slow", "other"] },
    );
    made.tell(notice());
    await ended(1);
    await made.drain(milliseconds(10_000));
    expect(await ended(1)).toMatchObject([{ kind: "notification.sent", to: "true" }]);
  });
});

describe("a command that misbehaves", { timeout: 60_000 }, () => {
  it("fails with its code and the end of what it wrote, after as many attempts as were asked for", async () => {
    const { made, ended } = notifier({
      shell: `echo try >> ${folder}/tries; head -c 3000000 /dev/zero | tr '\\0' x; echo the end >&2; exit 3`,
      attempts: 2,
    });
    made.tell(notice());
    const message = messageOf((await ended(1))[0]);
    expect(message).toMatch(/^\/bin\/sh ended with 3: x+/);
    expect(message).toMatch(/the end$/);
    expect(message.length).toBeLessThan(2200);
    expect(await textOf("tries")).toBe("try\ntry\n");
  });

  it("is killed with all it started when its time is up", async () => {
    const { made, ended } = notifier({
      shell: `sleep 600 & echo $! > ${folder}/child; wait`,
      timeout: "1s",
    });
    made.tell(notice());
    expect(messageOf((await ended(1))[0])).toBe("not done within 1s");
    await gone(Number(await textOf("child")));
  });

  it("leaves nothing running when it ends", async () => {
    const { made, ended } = notifier({ shell: `sleep 600 & echo $! > ${folder}/orphan` });
    made.tell(notice());
    expect(await ended(1)).toMatchObject([{ kind: "notification.sent" }]);
    await gone(Number(await textOf("orphan")));
  });

  it("does not run in more than four at once, nor wait in more than a hundred", async () => {
    const { made, ended, events } = notifier({
      shell: `echo + >> ${folder}/turns; sleep 0.05; echo - >> ${folder}/turns`,
      timeout: "10m",
    });
    for (let i = 0; i < 120; i++) made.tell(notice());
    const refused = events.filter(({ kind }) => kind === "notification.failed");
    expect(refused).toHaveLength(20);
    expect(messageOf(refused[0])).toMatch(/100 notices are on their way/);
    await ended(120);
    let [running, most] = [0, 0];
    for (const line of (await textOf("turns")).trim().split("\n")) {
      running += line === "+" ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(running).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it("goes on when the receivers change, and is given up when the agent stops", async () => {
    const { made, ended, events } = notifier({ shell: `echo $$ > ${folder}/pid; sleep 600`, timeout: "10m" });
    made.tell(notice());
    made.configure([]);
    expect(made.isWanted).toBe(false);
    while (!(await textOf("pid").catch(() => ""))) await sleep(10);
    expect(events).toEqual([]);
    await made.drain(milliseconds(50));
    expect(messageOf((await ended(1))[0])).toBe("the agent stopped");
    await gone(Number(await textOf("pid")));
  });
});

describe("notifications:", () => {
  it.each<[object, RegExp]>([
    [{}, /one of url, exec and shell/],
    [{ url: "http://a/", exec: ["x"] }, /one of url, exec and shell/],
    [{ exec: [] }, /./],
    [{ exec: "page --now" }, /./],
    [{ shell: "true", timeout: "1h" }, /at most 10m/],
    [{ shell: "true", env: { "A-B": "x" } }, /./],
  ])("%j is refused", (receiver, message) => {
    const { error } = notificationsOptions.safeParse([receiver]);
    expect(error?.issues[0]?.message).toMatch(message);
  });
});
