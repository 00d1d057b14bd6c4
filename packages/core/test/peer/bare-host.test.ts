import { bareHost, socketHost, urlHost } from '@headrace/core/authoring';
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
  ['[2001:DB8::7]', '2001:DB8::7'],
  ['[::ffff:c000:207]', '192.0.2.7'],
])('the address %s is compared as %s', (host, bare) => {
  expect(bareHost(host)).toBe(bare);
});

it.each([
  ['[::1]', '::1', '[::1]'],
  ['::1', '::1', '[::1]'],
  ['[fe80::1%eth0]', 'fe80::1%eth0', '[fe80::1%eth0]'],
  ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
  ['chat.example.', 'chat.example.', 'chat.example.'],
  ['LOCALHOST.', 'localhost', 'localhost'],
  ['[chat]', '[chat]', '[chat]'],
  ['[::1', '[::1', '[[::1]'],
  ['', '', ''],
])('the host %s is %s for a socket, and %s in a URL', (host, forSocket, inUrl) => {
  expect(socketHost(host)).toBe(forSocket);
  expect(urlHost(host)).toBe(inUrl);
});
