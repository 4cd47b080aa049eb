import { describe, expect, it } from "vitest";
import { parseSchedTrace } from "../../src/analysis/schedtrace/parse.ts";
import { plain } from "../../src/report/paint.ts";
import { schedReport } from "../../src/report/schedtrace.ts";
import { renderText } from "../../src/report/text.ts";

const show = (text: string): string =>
  renderText(schedReport(parseSchedTrace(text), { rows: 40 }), { paint: plain, width: 120 });

describe("the schedtrace report", () => {
  it("tells snapshots, and the last one's goroutines", () => {
    const text = show(
      [
        "hello from the program",
        "SCHED 0ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=1 needspinning=0 idlethreads=0 runqueue=0 [0 0]",
        "SCHED 1004ms: gomaxprocs=2 idleprocs=0 threads=5 spinningthreads=0 needspinning=1 idlethreads=2 runqueue=3 gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false",
        "  P0: status=1 schedtick=12 syscalltick=4 m=0 runqsize=7 gfreecnt=0 timerslen=0",
        "  P1: status=1 schedtick=30 syscalltick=1 m=3 runqsize=0 gfreecnt=0 timerslen=2",
        "  M0: p=0 curg=1 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=nil",
        "  M3: p=1 curg=18 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=true blocked=false lockedg=18",
        "  G1: status=4(chan receive) m=nil lockedm=nil",
        "  G18: status=2() m=3 lockedm=3",
        "",
      ].join("\n"),
    );
    expect(text).toContain("snapshots 2 · from 0ns · to 1s");
    expect(text).toContain("1 line of the program's own passed over");
    expect(text).toMatch(/1s\s+2\s+0\s+10\s+3\s+7 0\s+5\s+2\s+0\s+no/);
    expect(text).toContain("runnable goroutines: 5 on average, at most 10");
    expect(text).toContain("1 snapshot of 2 with work waiting and no P idle");
    expect(text).toMatch(/chan receive\s+1/);
    expect(text).toContain("spinning, locked to goroutine 18");
  });

  it("says what is missing when there is no line of the scheduler", () => {
    expect(show("listening on :8080\n")).toContain("was the program started with GODEBUG=schedtrace=1000?");
  });
});
