import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { chromiumPath } from '../support/chromium.ts';
import { findingOf, HOSTILE, hostileAccess, reportOf, resultOf } from '../support/reports.ts';
import { audited, session, user } from '../support/trail.ts';

/** A busy month: tasks by day, a harvest by night, everything hostile that a caller can write. */
function busy(findingCount: number) {
  const start = { kind: 'task-start', ref: 'task' } as const;
  const accesses = [
    ...Array.from({ length: 1_200 }, (_, index) =>
      audited(
        {
          eventTime: new Date(Date.UTC(2026, 10, 1, 8) + index * 1_500_000).toISOString(),
          userIdentity: session(`role-${String(index % 20)}`, `session-${String(index)}`),
        },
        start,
      ),
    ),
    ...Array.from({ length: 40 }, (_, index) => ({
      ...hostileAccess({
        eventTime: new Date(Date.UTC(2026, 10, 20, 3) + index * 1_000).toISOString(),
        ...(index % 2 ? { userIdentity: user('mallory') } : {}),
      }),
      secret: `secret-${String(index)}`,
    })),
  ];
  const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
  const findings = Array.from({ length: findingCount }, (_, index) =>
    findingOf(accesses.slice(1_200 - (index % 3), 1_210), {
      id: `denied-access:${String(index)}`,
      severity: severities[Math.floor((index * 5) / findingCount)] ?? 'info',
      count: 300,
    }),
  );
  return resultOf(accesses, {
    secret: null,
    window: { since: '2026-11-01T00:00:00.000Z', until: '2026-11-22T00:00:00.000Z' },
    findings,
    skipped: [{ where: HOSTILE, why: HOSTILE }],
  });
}

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const;

describe('browser: the HTML report of an audit', function () {
  this.timeout(120_000);
  const executablePath = chromiumPath();
  if (executablePath === null) {
    it.skip('there is no Chromium here (CHROMIUM_PATH, or chromium on the path)');
    return;
  }
  let browser: Browser;
  let folder: string;
  let address: string;
  let short: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-html-'));
    address = await written('audit.html', 1_000);
    short = await written('short.html', 10);
    // A container has no namespaces to make a sandbox of; what is opened here is ours.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });

  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  async function written(name: string, findingCount: number): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, await reportOf('html', busy(findingCount)));
    return pathToFileURL(file).href;
  }

  /** Open the report and do something with it; whatever the page says or asks for is a failure. */
  async function opened(
    options: BrowserContextOptions,
    work: (page: Page) => Promise<void>,
    at: string = address,
  ): Promise<void> {
    const context = await browser.newContext(options);
    const noise: string[] = [];
    const requests: string[] = [];
    try {
      const page = await context.newPage();
      page.on('console', (message) => noise.push(message.text()));
      page.on('pageerror', (error) => noise.push(error.message));
      page.on('dialog', (dialog) => noise.push(dialog.message()));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(at, { waitUntil: 'networkidle' });
      await work(page);
      assert.deepEqual(noise, []);
      assert.deepEqual(requests, [at]);
    } finally {
      await context.close();
    }
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of Object.entries(SIZES)) {
      it(`opens ${colorScheme} on a ${name} without a message or a request, and fits`, async () => {
        await opened({ colorScheme, viewport }, async (page) => {
          assert.equal(await page.locator('article').count(), 1_000);
          assert.equal(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), true);
          assert.match((await page.locator('.headline').textContent()) ?? '', /^\d+ of [\d,]+ reads unexplained$/);
          // The page's own style holds, or the policy has kept it out.
          const dark = colorScheme === 'dark';
          const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
          assert.equal(background, dark ? 'rgb(17, 21, 26)' : 'rgb(255, 255, 255)');
          for (const id of ['timeline-chart', 'readers-chart', 'hours-chart']) {
            const box = await page.locator(`#${id}`).boundingBox();
            assert.ok(box && box.width > 300 && box.height > 60, id);
          }
        });
      });
    }

    it(`has texts that can be read in ${colorScheme}: contrast of 4.5 and more`, async () => {
      await opened({ colorScheme, viewport: SIZES.desktop }, async (page) => {
        const poor = await page.evaluate(CONTRAST);
        assert.deepEqual(poor, []);
      });
    });
  }

  it('shows what a caller wrote as text, and makes nothing of it', async () => {
    await opened({ viewport: SIZES.desktop }, async (page) => {
      for (const name of ['script', 'img', 'iframe', 'object', 'link', 'form', 'base'])
        assert.equal(await page.locator(name).count(), 0, name);
      assert.ok(((await page.locator('article').first().textContent()) ?? '').includes('<script>alert(1)</script>'));
      const stray = `[...document.querySelectorAll('*')].filter((one) => [...one.attributes].some(({ name }) => name.startsWith('on') || name === 'style')).length`;
      assert.equal(await page.evaluate(stray), 0);
    });
  });

  it('lets no script run, even where one would get in', async () => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(address);
      const said = page.waitForEvent('console');
      // What an injection would do.
      await page.evaluate(`{
        const script = document.createElement('script');
        script.textContent = 'window.owned = true';
        document.body.append(script);
        const image = document.createElement('img');
        image.src = 'https://evil.example/x';
        document.body.append(image);
      }`);
      assert.match((await said).text(), /Content Security Policy/);
      assert.equal(await page.evaluate('window.owned === undefined'), true);
    } finally {
      await context.close();
    }
  });

  it('is told by its structure: one first heading, none left out, tables with headers, graphics with names', async () => {
    await opened({ viewport: SIZES.desktop }, async (page) => {
      assert.deepEqual(await page.evaluate(STRUCTURE), []);
    });
  });

  it('can be used with the keyboard where it scrolls', async () => {
    await opened({ viewport: SIZES.phone }, async (page) => {
      const regions = page.locator('.scroll');
      assert.ok((await regions.count()) > 3);
      assert.equal(await page.locator('.scroll:not([tabindex="0"][role="region"][aria-label])').count(), 0);
    });
  });

  it('prints light, with all there is, and cuts nothing off', async () => {
    await opened(
      { colorScheme: 'dark', viewport: { width: 718, height: 1_000 } },
      async (page) => {
        await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
        assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)');
        assert.equal(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), true);
        // What scrolls on a screen is cut off on paper.
        const cut = `[...document.querySelectorAll('.scroll')].filter((one) => one.offsetParent && one.scrollWidth > one.clientWidth + 1).length`;
        assert.equal(await page.evaluate(cut), 0);
        const pdf = await page.pdf({ format: 'A4' });
        assert.ok(pdf.length > 50_000);
      },
      short,
    );
  });
});

/** Visible texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3), by the formula given there. */
const CONTRAST = `(() => {
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(one).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let seen = 0; walker.nextNode() && seen < 6000; seen += 1) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest('title, desc')) continue;
    const style = getComputedStyle(element);
    const [one, two] = [light(parse(element.closest('svg') ? style.fill : style.color)), light(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.add(element.tagName + '.' + element.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return [...poor];
})()`;

/** What a screen reader would stumble over. */
const STRUCTURE = `(() => {
  const wrong = [];
  let last = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const level = Number(heading.tagName[1]);
    if (level > last + 1) wrong.push('a level is left out before ' + heading.textContent);
    last = level;
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  for (const table of document.querySelectorAll('table')) {
    if (!table.querySelector('thead th[scope=col]')) wrong.push('a table without headers');
    if (!table.caption && !table.getAttribute('aria-describedby')) wrong.push('a table without a caption');
    const columns = table.querySelectorAll('thead th').length;
    for (const row of table.tBodies[0].rows) if (row.cells.length !== columns) wrong.push('a row of another length');
  }
  for (const svg of document.querySelectorAll('svg')) {
    if (svg.getAttribute('aria-hidden') === 'true') continue;
    if (svg.getAttribute('role') !== 'img') wrong.push('a graphic without a role');
    const names = (svg.getAttribute('aria-labelledby') ?? '').split(' ');
    if (!names.every((id) => document.getElementById(id)?.textContent)) wrong.push('a graphic without a name');
  }
  if (!document.documentElement.lang) wrong.push('no language');
  for (const link of document.querySelectorAll('a')) if (!link.textContent.trim()) wrong.push('a link without a name');
  return wrong;
})()`;
