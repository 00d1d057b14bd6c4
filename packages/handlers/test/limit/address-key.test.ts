import { describe, expect, it } from 'vitest';
import { addressKey } from '../../src/limit/address-key.ts';

function keyOf(host: string): string | undefined {
  return addressKey({ host, port: 1, family: host.includes(':') ? 'IPv6' : 'IPv4' });
}

describe('addressKey', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8::ffff:1:2', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:0db8:0001::1', '2001:db8:1:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.7', '1:2:3:4::/64'],
    ['1:2::3:4:5:6:7', '1:2:0:3::/64'],
  ])('takes %s for %s', (host, key) => {
    expect(keyOf(host)).toBe(key);
  });

  it('has no key for a path or nothing', () => {
    expect(addressKey({ path: '/tmp/socket' })).toBeUndefined();
    expect(addressKey(undefined)).toBeUndefined();
  });
});
