// `npm run site -- card` draws site/card.png, which others show beside a link to the site: 1200 x 630, as they ask for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

const STYLE = `
  body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 72px 80px; display: flex;
    flex-direction: column; color: #f0f6fc; background: #0d1117; font-family: system-ui, 'DejaVu Sans', sans-serif; }
  header { display: flex; align-items: center; gap: 28px; font-size: 76px; font-weight: 700; }
  header svg { width: 104px; height: 104px; }
  header svg [stroke] { stroke: #58a0ff; } header svg [fill^='#'] { fill: #58a0ff; }
  p { margin: 28px 0 0; font-size: 40px; line-height: 1.35; color: #c9d1d9; }
  ol { margin: auto 0 0; padding: 0; display: flex; align-items: center; list-style: none;
    font: 30px ui-monospace, 'DejaVu Sans Mono', monospace; }
  li + li::before { content: '→'; padding: 0 18px; color: #58a0ff; }
  li span { display: inline-block; padding: 14px 22px; border: 2px solid #58a0ff; border-radius: 10px; }
`;

const STEPS = ['socket', 'frames', 'text', 'auth', 'your app'];

export async function drawCard(root: string): Promise<void> {
  const logo = readFileSync(join(root, 'site', 'logo.svg'), 'utf8');
  const steps = STEPS.map((step) => `<li><span>${step}</span></li>`).join('');
  const html = `<style>${STYLE}</style><header>${logo}Headrace</header>
    <p>Netty for Node.js, in TypeScript: pipelines of<br>handlers for long-lived connections</p><ol>${steps}</ol>`;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 630 } });
    await page.setContent(html);
    await page.screenshot({ path: join(root, 'site', 'card.png') });
  } finally {
    await browser.close();
  }
}
