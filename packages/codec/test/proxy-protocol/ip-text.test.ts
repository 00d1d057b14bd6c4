import { describe, expect, it } from 'vitest';
import { ipBytes, ipText } from '../../src/proxy-protocol/ip-text.ts';

describe('ipText', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::', '2001:db8::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['::ffff:102:304', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ])('writes %s as %s', (text, canonical) => {
    expect(ipText(ipBytes(text)!)).toBe(canonical);
  });

  it.each(['', 'localhost', '1.2.3', '01.2.3.4', 'fe80::1%eth0', '[::1]', ':::'])(
    '%j is not an address',
    (text) => {
      expect(ipBytes(text)).toBeUndefined();
    },
  );
});
