import { token } from '@headrace/bus/authoring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../core/test/fixture/any-text.ts';
import { Subjects } from '../../src/node/subject.ts';

describe('a name as a token', () => {
  it.each([
    ['lobby', 'plobby'],
    ['Room_1-a', 'pRoom_1-a'],
    ['', 'b'],
    ['a.b', 'bYS5i'],
    ['>', 'bPg'],
    ['x'.repeat(64), `p${'x'.repeat(64)}`],
    ['x'.repeat(65), `b${Buffer.from('x'.repeat(65)).toString('base64url')}`],
    ['x'.repeat(72), 'hMVq_OFMUg9Cvi1SP1Nn6Vxn5Yqf1vCzJAxBoXYiNMDQ'],
  ])('%j is %s', (name, expected) => {
    if (expected.startsWith('h')) expect(token(name)).toMatch(/^h[\w-]{43}$/);
    else expect(token(name)).toBe(expected);
  });

  it('cannot leave its place, and is unlike every other', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(token(a)).toMatch(/^[pbhs][\w-]*$/);
        expect(token(a).length).toBeLessThanOrEqual(96);
        if (a !== b) expect(token(a)).not.toBe(token(b));
      }),
    );
  });

  it('is unlike every other also with halves of characters, which UTF-8 does not know', () => {
    const names = ['\ud800', '\ud801', '\ufffd', 'a\udc00', 'a\udc01'];
    expect(new Set(names.map(token)).size).toBe(names.length);
  });

  it('stands behind the application and what it is', () => {
    const subjects = new Subjects('my app');
    expect(subjects.group('lobby')).toBe('hr.bbXkgYXBw.g.plobby');
    expect(subjects.usersOf('ab')).toBe('hr.bbXkgYXBw.u.ab');
  });
});
