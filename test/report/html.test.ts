import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { renderHtml } from "../../src/report/html/page.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { sharedTrace, sharedTraces, skipShared } from "../analysis/traces.ts";
import { chromiumUnavailable, openFile, startChromium } from "../support/chromium.ts";
import { requireOrSkip } from "../support/require.ts";
import { buildTrace } from "../support/trace-builder.ts";
import { hostileNames, hostileTrace } from "./hostile.ts";

const skip = requireOrSkip("the report in a browser", await chromiumUnavailable());
const reportOf = (bytes: Uint8Array, title = "a report"): string =>
  renderHtml(analyse(readTrace(bytes)), { title });

/** Runs in the page: what is wider than the window, and text that cannot be told from what is behind it. */
const layout = `(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((v) => { v /= 255; return v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(color)) return light(color);
    }
    return 1;
  };
  const faint = [];
  for (const element of document.querySelectorAll("h1,h2,h3,p,dt,dd,th,td,li,span,div.label,div.value,div.hint,summary")) {
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "")) continue;
    const [a, b] = [light(getComputedStyle(element).color), behind(element)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(element.className + ": " + element.textContent.slice(0, 40));
  }
  return { wide: document.documentElement.scrollWidth - innerWidth, faint: [...new Set(faint)] };
})()`;

describe.skipIf(skip)("report.html in Chromium", () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    [browser, folder] = await Promise.all([startChromium(), mkdtemp(join(tmpdir(), "gorewind-report-"))]);
  });
  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };

  it.skipIf(skipShared).each([
    [375, "light"],
    [375, "dark"],
    [1280, "light"],
    [1280, "dark"],
  ] as const)("is read at %d pixels, %s", async (width, colorScheme) => {
    const file = await write("real.html", reportOf(sharedTrace("tour-go1.26")));
    const { page, complaints, requests } = await openFile(browser, file, {
      viewport: { width, height: 800 },
      colorScheme,
    });
    expect(await page.evaluate(layout)).toEqual({ wide: 0, faint: [] });
    expect(await page.locator("svg[role=img]").count()).toBeGreaterThan(10);
    // Every plot says in words what it shows.
    expect(await page.locator("svg:not([aria-label]), svg:not(:has(> title))").count()).toBe(0);
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(background).toBe(colorScheme === "dark" ? "rgb(16, 21, 27)" : "rgb(246, 247, 249)");
    await page.locator("summary").first().click();
    await expect(page.locator("details table").first().isVisible()).resolves.toBe(true);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
  });

  it("shows the program's names and runs nothing of them", async () => {
    const title = `<script>document.title = "owned"</script>`;
    const file = await write("hostile.html", reportOf(hostileTrace(), title));
    const { page, complaints, requests } = await openFile(browser, file, {
      viewport: { width: 375, height: 800 },
    });
    for (const element of await page.locator("figure, li, td").all())
      await element.dispatchEvent("mouseover");
    expect(await page.title()).toBe(title);
    expect(await page.locator("script, img, svg[onload], [onmouseover], a, iframe").count()).toBe(0);
    const text = await page.locator("main").innerText();
    for (const name of hostileNames.slice(0, 4)) expect(text).toContain(name);
    expect(text).not.toContain("\u202e");
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBe(0);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
  });

  it("stands without anything to show", async () => {
    const file = await write("empty.html", reportOf(buildTrace(26).bytes()));
    const { page, complaints } = await openFile(browser, file);
    expect(await page.locator("h1").innerText()).toBe("a report");
    expect(await page.locator("main").innerText()).not.toMatch(/NaN|Infinity|undefined|null/);
    expect(complaints).toEqual([]);
  });
});

describe("report.html", () => {
  it.skipIf(skipShared).each(sharedTraces)("of %s has no hole and is small", (name) => {
    const text = reportOf(sharedTrace(name));
    expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/);
    expect(text.length).toBeLessThan(300_000);
  });

  it("is bounded, however many names there are", () => {
    const trace = buildTrace(26);
    const thread = trace.generation().thread(1);
    thread.emit("ProcStatus", { p: 0, pstatus: "Running" });
    thread.emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
    for (let task = 1; task <= 3000; task++) {
      const name = `${task} ${"&".repeat(900)}`;
      thread.emit("UserTaskBegin", { task, name_string: name });
      thread.emit("UserLog", { task, key_string: name, value_string: name });
      thread.emit("UserTaskEnd", { dt: task * 1000, task });
    }
    expect(reportOf(trace.bytes()).length).toBeLessThan(1_000_000);
  });
});
