/** What of a service may not leave the agent's memory: the kinds of text that a policy can name. */
export const PRIVATE_KINDS = [
  "log_values",
  "task_names",
  "labels",
  "file_paths",
  "cmdline",
  "functions",
] as const;

export type PrivateKind = (typeof PRIVATE_KINDS)[number];

/** Which kinds are made anonymous. Empty: none. */
export type PrivacyPolicy = readonly PrivateKind[];

/** What takes the place of a text: the same for the same kind and text, and nobody can tell the text from it. */
export type Rename = (kind: PrivateKind, text: string) => string;

/** How a replacement looks, by its kind. `code` tells texts apart. */
export function replacement(kind: PrivateKind, code: string): string {
  switch (kind) {
    case "log_values":
      return `log-${code}`;
    case "task_names":
      return `name-${code}`;
    case "labels":
      return `label-${code}`;
    case "file_paths":
      return `/app/${code}.go`;
    case "cmdline":
      return `program-${code}`;
    default:
      return `app.f${code}`;
  }
}
