import { describe, expect, it } from 'vitest';
import { linkParts } from '../../src/page/links.js';

/** The parts, links as <text>. */
const shown = (text: string): string[] =>
  linkParts(text).map((part) => (typeof part === 'string' ? part : `<${part.text}>`));

describe('linkParts', () => {
  it.each([
    ['nothing here', ['nothing here']],
    ['see https://a.example/b?c=d#e, please', ['see ', '<https://a.example/b?c=d#e>', ', please']],
    ['(http://a.example).', ['(', '<http://a.example>', ').']],
    ['https://a.example/x_(y)', ['<https://a.example/x_(y)>']],
    ['“https://a.example/”', ['“', '<https://a.example/>', '”']],
    ['http://a http://b', ['<http://a>', ' ', '<http://b>']],
    ['', []],
  ])('finds the addresses in %j', (text, parts) => {
    expect(shown(text)).toEqual(parts);
  });

  it('never makes a link of anything but http and https', () => {
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,x',
      'ftp://a.example',
      '//a.example',
    ]) {
      expect(shown(text)).toEqual([text]);
    }
  });

  it('does not let a name before an @ pose as the host', () => {
    expect(shown('https://bank.example@evil.example/')).toEqual([
      'https://bank.example@evil.example/',
    ]);
  });

  it('ends an address at an invisible character, and shows the real host behind letters of another alphabet', () => {
    expect(shown('https://a.example/\u202egpj.exe')[0]).toBe('<https://a.example/>');
    expect(linkParts('https://аpple.example')[0]).toMatchObject({
      href: 'https://xn--pple-43d.example/',
    });
  });

  it('loses no character', () => {
    const text = 'x https://a.example/… y http://b.example!? <i>z</i>';
    const parts = linkParts(text).map((part) => (typeof part === 'string' ? part : part.text));
    expect(parts.join('')).toBe(text);
  });
});
