// `npm run site -- card` draws site/card.png, which others show beside a link to the site: 1200 x 630, as they ask for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

const style = (font: string): string => `
  @font-face { font-family: 'Bricolage Grotesque'; src: url(data:font/woff2;base64,${font}); }
  body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 72px 80px; display: flex;
    flex-direction: column; color: #e6f0f2; background: #0d171c; font-family: system-ui, 'DejaVu Sans', sans-serif; }
  header { display: flex; align-items: center; gap: 28px; font: 700 84px 'Bricolage Grotesque'; }
  header svg { width: 104px; height: 104px; }
  p { margin: 28px 0 0; font-size: 40px; line-height: 1.35; color: #c3d4d9; }
  ol { margin: auto 0 0; padding: 0; display: flex; align-items: center; list-style: none;
    font: 30px ui-monospace, 'DejaVu Sans Mono', monospace; }
  li + li::before { content: '→'; padding: 0 18px; color: #5fc6d1; }
  li span { display: inline-block; padding: 14px 22px; border: 2px solid #5fc6d1; border-radius: 10px; }
`;

const TITLE_FONT = 'bricolage-grotesque-latin-700-normal.woff2';
const STEPS = ['socket', 'frames', 'text', 'auth', 'your app'];

export async function drawCard(root: string): Promise<void> {
  const logo = readFileSync(join(root, 'site', 'logo.svg'), 'utf8');
  const font = readFileSync(join(root, 'site', 'fonts', TITLE_FONT), 'base64');
  const steps = STEPS.map((step) => `<li><span>${step}</span></li>`).join('');
  const html = `<style>${style(font)}</style><header>${logo}Headrace</header>
    <p>Netty for Node.js, with pipelines<br>that the compiler checks</p><ol>${steps}</ol>`;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 630 } });
    await page.setContent(html);
    await page.evaluate('document.fonts.ready');
    await page.screenshot({ path: join(root, 'site', 'card.png') });
  } finally {
    await browser.close();
  }
}
