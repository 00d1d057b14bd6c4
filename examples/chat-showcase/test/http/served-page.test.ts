import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readPageFiles } from '../../src/http/page-files.ts';
import { ServedPage } from '../../src/http/served-page.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

const page = (settings: object = {}) =>
  new ServedPage(readPageFiles(), settingsSchema.parse(settings));

describe('ServedPage', () => {
  it('has all of the page in one document, whose parts its policy names', async () => {
    const { contentSecurityPolicy, document } = await page().document();
    const html = String(document.content);
    expect(html).not.toMatch(/<link rel="stylesheet"|<script[^>]* src=/);
    const inline = [
      ...html.matchAll(/<(style|script type="module")>([\s\S]*?)<\/(?:style|script)>/g),
    ];
    expect(inline).toHaveLength(2);
    for (const [, , text] of inline) {
      const hash = createHash('sha256').update(text!).digest('base64');
      expect(contentSecurityPolicy).toContain(`'sha256-${hash}'`);
    }
    expect(contentSecurityPolicy).toMatch(/^default-src 'none'; /);
    expect(contentSecurityPolicy).not.toContain('unsafe');
    expect(page().contentSecurityPolicy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(page().file('/theme.css')?.type).toBe('text/css; charset=utf-8');
    expect(page().file('/nothing')).toBeUndefined();
  });

  it('takes the program of the folder, and does not let a text end the element it is in', async () => {
    const index = '<script type="module" src="/main.js"></script>';
    const files = new Map([
      ['/index.html', { type: 'text/html', content: Buffer.from(index) }],
      ['/main.js', { type: 'text/javascript', content: Buffer.from("say('</script><b>');") }],
    ]);
    const own = new ServedPage(files, settingsSchema.parse({}));
    const { document } = await own.document();
    expect(String(document.content)).toBe(`<script type="module">say('<\\/script><b>');</script>`);
  });

  it('gives the page the settings of this server', async () => {
    const html = async (settings: object) =>
      String((await page(settings).document()).document.content);
    expect(await html({})).toContain('<meta name="chat-idle-seconds" content="120">');
    expect(await html({})).toContain('<meta name="chat-token" content="none">');
    expect(await html({ readerIdleSeconds: 5 })).toContain('name="chat-idle-seconds" content="5"');
    expect(await html({ tokens: { ann: 'x' } })).toContain('name="chat-token" content="required"');
  });
});
