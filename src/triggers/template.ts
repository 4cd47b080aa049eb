/**
 * A hundred services share ten rules: `trigger_defaults` lies under every rule, `trigger_templates` under those that
 * name one, and the rule itself says what is different. Done on the document as it was read, so that what comes out
 * is checked as if it had been written in full.
 */

type Document = Readonly<Record<string, unknown>>;

/** The keys that say what kind a condition is: a rule that has one brings its own condition. */
const CONDITION_KINDS = ["signal", "expr", "all", "any", "not"];

/** The document with the rules under `triggers` written out. Anything of an unexpected shape is left to the schema. */
export function expandTriggers(document: unknown): unknown {
  if (!isDocument(document) || !Array.isArray(document["triggers"])) return document;
  const { triggers, trigger_defaults: defaults, trigger_templates: templates } = document;
  const expand = (rule: unknown): unknown => {
    if (!isDocument(rule)) return rule;
    const named = templateOf(rule, templates);
    const own = Object.fromEntries(Object.entries(rule).filter(([key]) => key !== "template"));
    // A template that is not there stays named: the schema says so at its place.
    const base = named === undefined ? rule : merge(named, own);
    return isDocument(defaults) ? merge(defaults, base) : base;
  };
  return { ...document, triggers: triggers.map(expand) };
}

function templateOf(rule: Document, templates: unknown): Document | undefined {
  const name = rule["template"];
  if (typeof name !== "string" || !isDocument(templates) || !Object.hasOwn(templates, name)) return undefined;
  const template = templates[name];
  return isDocument(template) ? template : undefined;
}

/** Maps are merged key by key; all else of `over` replaces what is below it. */
function merge(under: Document, over: Document): Document {
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, mergeValue(key, under[key], over[key])]));
}

function mergeValue(key: string, under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (!isDocument(under) || !isDocument(over)) return over;
  if (key === "when" && CONDITION_KINDS.some((kind) => over[kind] !== undefined)) return over;
  return merge(under, over);
}

function isDocument(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
