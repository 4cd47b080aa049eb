import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { installDebian } from "./debian.ts";

const PROGRAM = "/usr/bin/chromium";

/** Why Chromium cannot be run here, or undefined. As root on Debian it is installed. */
export async function chromiumUnavailable(): Promise<string | undefined> {
  return installDebian(PROGRAM, ["chromium"]);
}

/** Starts a real, headless Chromium. Close it when done. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: PROGRAM,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A page that is open, and what it did besides showing itself. */
export interface OpenPage {
  readonly page: Page;
  /** Lines of its console and uncaught errors. */
  readonly complaints: readonly string[];
  /** URLs it asked for, its own not counted. */
  readonly requests: readonly string[];
}

/** Opens a file in a window of its own. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  const url = `file://${file}`;
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (request.url() !== url) requests.push(request.url());
  });
  await page.goto(url);
  return { page, complaints, requests };
}
