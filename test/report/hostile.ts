import { buildTrace } from "../support/trace-builder.ts";

/** Names as an attacker would choose them: markup, quotes, a terminal's escape codes, Markdown, a very long one. */
export const hostileNames: readonly string[] = [
  `<script>document.title = "owned"</script>`,
  `"><img src=x onerror="document.title='owned'">`,
  `' onmouseover='document.title="owned"`,
  `</title></style></svg><svg onload="document.title='owned'">`,
  `\u001b[31mred\u001b[0m\u202egnirts`,
  `[click](javascript:alert(1)) | @everyone <b>`,
  `${"long/".repeat(190)}end`,
];

/** A trace whose tasks, regions, logs and functions have these names. */
export function hostileTrace(): Uint8Array {
  const trace = buildTrace(26);
  const thread = trace.generation().thread(1);
  thread.emit("ProcStatus", { p: 0, pstatus: "Running" });
  thread.emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
  hostileNames.forEach((name, i) => {
    const task = i + 1;
    thread.emit("UserTaskBegin", { task, name_string: name, stack: [name, "main.main"] });
    thread.emit("UserRegionBegin", { task, name_string: name, stack: [name, "main.main"] });
    thread.emit("UserLog", { task, key_string: name, value_string: name });
    thread.emit("GoCreate", { dt: 100, new_g: 10 + i, new_stack: [name], stack: ["main.main"] });
    thread.emit("UserRegionEnd", { dt: 100, task, name_string: name });
    thread.emit("UserTaskEnd", { dt: 1_000_000 * task, task });
  });
  hostileNames.forEach((_name, i) => {
    thread.emit("GoStop", { reason_string: "runtime.GoSched" });
    thread.emit("GoStart", { g: 10 + i, g_seq: 1 });
    thread.emit("GoDestroy");
    thread.emit("GoStart", { g: 1, g_seq: i + 1 });
  });
  return trace.bytes();
}
