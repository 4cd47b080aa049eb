// Writes the signal table of docs/triggers.md anew from the code: `npm run build && node scripts/gen-signal-table.mjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { formatSignalTable } from "../dist/signals/catalog-table.js";
import { SIGNALS } from "../dist/signals/catalog.js";

const file = new URL("../docs/triggers.md", import.meta.url);
const text = readFileSync(file, "utf8");
const begin = "<!-- signals: begin -->";
const end = "<!-- signals: end -->";
const before = text.slice(0, text.indexOf(begin) + begin.length);
const after = text.slice(text.indexOf(end));
writeFileSync(file, `${before}\n\n${formatSignalTable(SIGNALS)}\n\n${after}`);
