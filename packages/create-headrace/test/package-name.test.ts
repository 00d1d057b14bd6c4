import { describe, expect, it } from 'vitest';
import { nameFault, validName } from '../src/package-name.ts';

describe('the name of a package', () => {
  it.each(['a', 'my-server', 'a.b_c', '0', '@scope/name', 'x'.repeat(214)])('may be %s', (name) => {
    expect(nameFault(name)).toBeUndefined();
  });

  it.each([
    ['', 'it is empty'],
    ['x'.repeat(215), 'longer than 214'],
    [' a', 'spaces around'],
    ['a b', 'it has spaces'],
    ['.a', 'begins with "."'],
    ['_a', 'begins with "_"'],
    ['-a', 'begins with "-"'],
    ['MyServer', 'capital letters'],
    ['a/b', 'it has "/"'],
    ['a~', 'it has "~"'],
    ['ä', 'it has "ä"'],
    ['node_modules', 'something else'],
    ['http', 'something else'],
    ['@a/', 'empty'],
    ['@/a', 'empty'],
    ['@a/.b', 'begins with "."'],
  ])('may not be "%s"', (name, fault) => {
    expect(nameFault(name)).toContain(fault);
  });

  it('has a valid one near to it, if anything is left', () => {
    expect(validName('My Server!')).toBe('my-server');
    expect(validName('.hidden')).toBe('hidden');
    expect(validName('本')).toBeUndefined();
    expect(validName('HTTP')).toBeUndefined();
  });
});
