/** A real browser before the gateway's page; whatever it complains of is kept, violations of the page's policy too. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where a Chromium is looked for; `BROWSER_PATH` names another. */
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['BROWSER_PATH'] ?? BROWSERS.find((path) => existsSync(path)) ?? BROWSERS[0]!;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]; // biome-ignore format: a list of flags

export const launch = (): Promise<Browser> => chromium.launch({ executablePath, args: FLAGS });

export interface Looking {
  readonly page: Page;
  /** What the browser had to say: errors, and requests to anybody but the gateway. */
  readonly complaints: string[];
}

const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' };

/** What only a browser that hangs takes. */
const WAIT_MS = 90_000;
/** What Chromium says of machines that are slow, and not of the page. */
const ABOUT_SPEED = /^\[(?:Intervention|Violation)\]|^Slow network is detected|GL Driver Message|^Canvas2D: /;

/** @param url of the gateway's page */
export async function look(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Looking> {
  const page = await browser.newPage({ ...DESK, ...options });
  page.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (!ABOUT_SPEED.test(message.text())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`asks elsewhere: ${request.url()}`);
  });
  return { page, complaints };
}

export const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().textContent()) ?? '';

/** Waits until an expression is true in the page; the page's policy forbids the browser's own way of doing so. */
export async function holds(page: Page, expression: string): Promise<void> {
  const until = performance.now() + WAIT_MS;
  while ((await page.evaluate(expression)) !== true) {
    if (performance.now() > until) throw new Error(`never in ${WAIT_MS} ms: ${expression}`);
    await page.waitForTimeout(50);
  }
}

/** Goes to a page of the dashboard as a link does. */
export async function go(page: Page, hash: string, selector: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  await page.waitForSelector(selector);
}
