import { styleText } from "node:util";
import type { Paint } from "../report/paint.ts";

/** A terminal's colours. */
export const ansi: Paint = {
  heading: (text) => styleText("bold", text),
  dim: (text) => styleText("dim", text),
  good: (text) => styleText("green", text),
  warning: (text) => styleText("yellow", text),
  bad: (text) => styleText(["bold", "red"], text),
};
