/** Strings become markup here and nowhere else: every name comes from the traced program and is not trusted. */

import { middle, printable } from "../format.ts";
import type { Table } from "../model.ts";

/** Markup that is safe: made by `html`, never from data. */
export interface Markup {
  readonly markup: string;
}

type Part = string | number | Markup | readonly Markup[] | undefined | false;

/** A name may have 1024 bytes; more than this says nothing more. */
const LONGEST = 300;

/** Template tag: what is put in is escaped, unless it is markup already. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: texts.map((text, i) => text + (i < parts.length ? markupOf(parts[i]) : "")).join("") };
}

function markupOf(part: Part): string {
  if (part === undefined || part === false) return "";
  if (typeof part === "string") return escapeText(part);
  if (typeof part === "number") return String(part);
  return "markup" in part ? part.markup : part.map(({ markup }) => markup).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return printable(middle(text, LONGEST)).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

/** A table that scrolls by itself where the screen is narrow, also by keyboard. */
export function tableMarkup({ columns, rows }: Table, label: string): Markup {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" class="${column.align}">${column.title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map((column, i) =>
                column.shrink === true
                  ? html`<td class="name"><span>${row[i] ?? ""}</span></td>`
                  : html`<td class="${column.align}">${row[i] ?? ""}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
