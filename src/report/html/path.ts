import type { CriticalPath } from "../../analysis/causes/paths.ts";
import { duration, percent } from "../format.ts";
import { left, name, right } from "../model.ts";
import { pathText } from "../sections/requests.ts";
import { html, tableMarkup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { lanePlot } from "./plots.ts";
import { legend, stateColour } from "./states.ts";

const STEPS = 200;
const CAUSES = 8;

/** What a slow task waited for, step by step: back through who woke whom. */
export function criticalPath(path: CriticalPath): Markup {
  const { begin_at_ns: begin, total_ns: total } = path;
  const steps = path.rows.toSorted((a, b) => b.total_ns - a.total_ns).slice(0, STEPS);
  const colour = (state: string): ReturnType<typeof stateColour> =>
    stateColour({ kind: "block", name: state });
  return html`<p class="soft">its critical path</p>
    ${lanePlot(
      steps.map((row) => ({
        from: row.begin_at_ns,
        to: row.begin_at_ns + row.total_ns,
        label: `${row.state}${row.function === "" ? "" : ` in ${row.function}`}${row.hops > 0 ? ` (goroutine ${row.goroutine})` : ""}`,
        colour: colour(row.state),
      })),
      begin,
      begin + total,
      `critical path: ${pathText(path, 5)}`,
    )}${legend(path.causes.map((cause) => ({ label: cause.state, value: cause.total_ns, colour: colour(cause.state) })))}
    <details>
      <summary>What is on it</summary>
      ${tableMarkup(
        {
          columns: [
            left("state"),
            name("function"),
            name("goroutine began in"),
            right("times"),
            right("time"),
            right("share"),
          ],
          rows: path.causes
            .slice(0, CAUSES)
            .map((cause) => [
              cause.state,
              cause.function || "-",
              cause.own ? "(the task's own)" : cause.group,
              String(cause.count),
              duration(cause.total_ns),
              percent(cause.share),
            ]),
        },
        `critical path of ${path.name}`,
      )}
    </details>`;
}
