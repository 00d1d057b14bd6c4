import dns from 'node:dns/promises';
import { srvAddresses } from '@headrace/client';
import { expect, it, onTestFinished, vi } from 'vitest';

const NAME = '_chat._tcp.example.com';
const { signal } = new AbortController();

it('asks the servers that the system has now, or those that the application has set', async () => {
  const asked = vi.spyOn(dns.Resolver.prototype, 'resolveSrv');
  onTestFinished(() => asked.mockRestore());
  asked.mockResolvedValue([{ name: 'a', port: 1, priority: 1, weight: 1 }]);
  const find = srvAddresses(NAME);
  await find({ signal });
  await find({ signal });
  // Node reads the servers of the system when a resolver is made.
  expect(new Set(asked.mock.contexts).size).toBe(2);
  const before = dns.getServers();
  onTestFinished(() => dns.setServers(before));
  dns.setServers(['127.0.0.1:1']);
  await find({ signal });
  const own = asked.mock.contexts[2] as dns.Resolver;
  expect(own.getServers()).toEqual(['127.0.0.1:1']);
});
