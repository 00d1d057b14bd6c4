import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readPageFiles } from '../../src/http/page-files.ts';
import { ServedPage } from '../../src/http/served-page.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

const page = (settings: object = {}) =>
  new ServedPage(readPageFiles(), settingsSchema.parse(settings));

describe('ServedPage', () => {
  it('has all of the page in one document, whose parts its policy names', () => {
    const { contentSecurityPolicy } = page();
    const html = String(page().file('/')?.content);
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
    expect(page().file('/index.html')).toEqual(page().file('/'));
    expect(page().file('/main.js')?.type).toBe('text/javascript; charset=utf-8');
    expect(page().file('/nothing')).toBeUndefined();
  });

  it('tells the page what it has to know of this server', () => {
    const html = (settings: object) => String(page(settings).file('/')?.content);
    expect(html({})).toContain('<meta name="chat-idle-seconds" content="120">');
    expect(html({})).toContain('<meta name="chat-token" content="none">');
    expect(html({ readerIdleSeconds: 5 })).toContain('name="chat-idle-seconds" content="5"');
    expect(html({ tokens: { ann: 'x' } })).toContain('name="chat-token" content="required"');
  });
});
