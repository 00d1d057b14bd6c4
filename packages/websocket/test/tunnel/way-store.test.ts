// A page whose storage refuses every call: it is full, or forbidden.
import { expect, it, vi } from 'vitest';
import { HttpTunnel } from '../../src/client/http-tunnel.ts';

vi.mock('../../src/client/way-store.ts', () => {
  const refuse = (): never => {
    throw new DOMException('the operation is insecure', 'SecurityError');
  };
  return { wayStore: { getItem: refuse, setItem: refuse, removeItem: refuse } };
});

const url = 'ws://host/ws';
const others = { signal: undefined, clock: undefined, logger: undefined };

it('connects, and remembers the way in memory alone, where the storage refuses', async () => {
  const way = new HttpTunnel();
  const blocked = await way.tryWays(url, {
    ...others,
    webSocket: () => Promise.reject(new Error('blocked')),
    tunnel: async () => 'tunnel',
  });
  expect([blocked, way.isPreferred(url)]).toEqual(['tunnel', true]);
  const open = await way.tryWays(url, {
    ...others,
    webSocket: async () => 'WebSocket',
    tunnel: () => Promise.reject(new Error('cut')),
  });
  expect([open, way.isPreferred(url)]).toEqual(['WebSocket', false]);
});
