/**
 * Prometheus' regular expressions are RE2's. Its syntax as JavaScript's, and a clear refusal of what either lacks: an
 * expression must mean here what it means there, or nothing.
 */

/** An expression that RE2 takes and JavaScript cannot, or the other way round. */
export class RegexError extends Error {}

/** Whole-text match with `.` matching newlines too, as Prometheus anchors its expressions: `^(?s:…)$`. */
export function anchoredRegex(pattern: string): RegExp {
  const { source, flags } = translate(pattern);
  try {
    return new RegExp(`^(?:${source})$`, flags);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: .*: /, "") : "";
    throw new RegexError(`"${pattern}" is no regular expression: ${why}`);
  }
}

/** The same expression anywhere in a text, every time it occurs. */
export function everywhere(regex: RegExp): RegExp {
  return new RegExp(regex.source.slice("^(?:".length, -")$".length), `${regex.flags}g`);
}

const refuse = (pattern: string, what: string): never => {
  throw new RegexError(`"${pattern}" uses ${what}`);
};

function translate(pattern: string): { source: string; flags: string } {
  // JavaScript knows flags for a whole expression only.
  const leading = /^\(\?([a-zA-Z]+)\)/.exec(pattern);
  const wanted = leading?.[1] ?? "";
  if (/[^is]/.test(wanted)) refuse(pattern, `the flags (?${wanted}), of which only i and s are known here`);
  const flags = wanted.includes("i") ? "sui" : "su";
  let source = "";
  let inClass = false;
  for (let i = leading?.[0].length ?? 0; i < pattern.length;) {
    const rest = pattern.slice(i);
    const [taken, written, now]: Step = rest.startsWith("\\")
      ? escape(pattern, rest, inClass)
      : inClass
        ? insideClass(pattern, rest)
        : outsideClass(pattern, rest);
    source += written;
    inClass = now;
    i += taken;
  }
  return { source, flags };
}

/** How many characters were read, what is written for them, and whether a class is open afterwards. */
type Step = readonly [taken: number, written: string, inClass: boolean];

function insideClass(pattern: string, rest: string): Step {
  if (/^\[[:.=]/.test(rest)) refuse(pattern, "a class such as [:alpha:]; write [A-Za-z]");
  if (rest.startsWith("]")) return [1, "]", false];
  // JavaScript's stricter mode wants these escaped.
  const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  return [character.length, character === "[" ? "\\[" : character, true];
}

function outsideClass(pattern: string, rest: string): Step {
  if (rest.startsWith("(?")) return group(pattern, rest);
  if (rest.startsWith("[")) {
    // A bracket that comes first is a literal one.
    const open = /^\[\^?\]?/.exec(rest)?.[0] ?? "[";
    return [open.length, open.endsWith("]") ? `${open.slice(0, -1)}\\]` : open, true];
  }
  if (/^[*+?}][+]/.test(rest)) refuse(pattern, "a possessive or doubled repetition");
  // A brace that begins no repetition is a literal one in RE2.
  if (rest.startsWith("{")) {
    const repeat = /^\{\d+(,\d*)?\}/.exec(rest)?.[0];
    return repeat === undefined ? [1, "\\{", false] : [repeat.length, repeat, false];
  }
  if (rest.startsWith("}")) return [1, "\\}", false];
  if (rest.startsWith("]")) return [1, "\\]", false];
  const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  return [character.length, character, false];
}

function group(pattern: string, rest: string): Step {
  if (/^\(\?<?[=!]/.test(rest)) refuse(pattern, "lookaround, which RE2 does not have");
  const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest);
  if (named !== null) return [named[0].length, `(?<${named[1]}>`, false];
  if (rest.startsWith("(?:")) return [3, "(?:", false];
  if (rest.startsWith("(?s:")) return [4, "(?:", false];
  return refuse(pattern, "flags inside the expression; put (?i) at its beginning");
}

/** `\…` outside and inside a class. */
function escape(pattern: string, rest: string, inClass: boolean): Step {
  const step = escaped(pattern, rest, inClass);
  // After a class within a class, RE2 takes a hyphen for itself; JavaScript's stricter mode refuses it.
  const [taken, written] = step;
  const hyphen = inClass && /^\\[dDwWspP]/.test(rest) && /^-[^\]]/.test(rest.slice(taken));
  return hyphen ? [taken + 1, `${written}\\-`, inClass] : step;
}

function escaped(pattern: string, rest: string, inClass: boolean): Step {
  const next = rest.charAt(1);
  if (next === "") refuse(pattern, "a backslash at its end");
  if (/[1-9]/.test(next) || next === "k") refuse(pattern, "a backreference, which RE2 does not have");
  if (next === "s") return [2, inClass ? SPACES : `[${SPACES}]`, inClass];
  if (next === "S" && !inClass) return [2, `[^${SPACES}]`, false];
  if (inClass && /[bBAzS]/.test(next)) refuse(pattern, `\\${next} inside a class`);
  const fixed = ESCAPES[next];
  if (fixed !== undefined) return [2, fixed, inClass];
  const braced = /^\\x\{([0-9A-Fa-f]{1,6})\}/.exec(rest);
  if (braced !== null) return [braced[0].length, `\\u{${braced[1]}}`, inClass];
  const hex = /^\\x[0-9A-Fa-f]{2}/.exec(rest);
  if (hex !== null) return [4, hex[0], inClass];
  const property = /^\\([pP])(?:\{(\^?)(\w+)\}|([A-Z]))/.exec(rest);
  if (property !== null) return [property[0].length, unicodeClass(property), inClass];
  // RE2 lets every punctuation mark be escaped; JavaScript's stricter mode only those that mean something.
  if (/[!-/:-@[-`{-~]/.test(next)) return [2, `\\x${hexOf(next)}`, inClass];
  return refuse(pattern, `\\${next}, which is not known here`);
}

const hexOf = (character: string): string => character.charCodeAt(0).toString(16).padStart(2, "0");

/** RE2's `\s` is ASCII, JavaScript's is not. */
const SPACES = "\\t\\n\\f\\r ";

const ESCAPES: Readonly<Record<string, string>> = {
  d: "\\d",
  D: "\\D",
  w: "\\w",
  W: "\\W",
  b: "\\b",
  B: "\\B",
  n: "\\n",
  r: "\\r",
  t: "\\t",
  f: "\\f",
  v: "\\v",
  a: "\\x07",
  A: "^",
  z: "$",
};

function unicodeClass([, p = "p", not = "", long, short]: RegExpExecArray): string {
  const name = long ?? short ?? "";
  const positive = (p === "p") === (not === "");
  const property = name.length <= 2 ? name : `Script=${name}`;
  return `\\${positive ? "p" : "P"}{${property}}`;
}

/**
 * Go's `Regexp.Expand`: `$1`, `${1}`, `$name` and `${name}` become what their group matched, `$$` a dollar sign. A name
 * is as long as it can be, so `$1x` is the group `1x`, which there is not: nothing. Write `${1}x`.
 */
export function expand(template: string, match: RegExpExecArray): string {
  return template.replaceAll(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (_whole, braced: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain;
      if (name === undefined) return "$";
      if (/^\d+$/.test(name)) return match[Number(name)] ?? "";
      return match.groups?.[name] ?? "";
    },
  );
}
