import { bareHost } from '@headrace/core/authoring';
import { expect, it } from 'vitest';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['chat.example', 'chat.example'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:192.0.2.7%eth0', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:FFFF:C000:0207', '192.0.2.7'],
  ['::ffff:0:0', '0.0.0.0'],
  ['::fffe:c000:207', '::fffe:c000:207'],
  ['1::ffff:c000:207', '1::ffff:c000:207'],
  ['ffff::c000:207', 'ffff::c000:207'],
  ['::ffff:1:2:3', '::ffff:1:2:3'],
  ['ffff::]@[::ffff:c000:207', 'ffff::]@[::ffff:c000:207'],
  ['ffff:', 'ffff:'],
])('the address %s is compared as %s', (host, bare) => {
  expect(bareHost(host)).toBe(bare);
});
