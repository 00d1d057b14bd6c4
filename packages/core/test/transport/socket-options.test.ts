import type net from 'node:net';
import { describe, expect, it } from 'vitest';
import { keepAliveSetter, SOCKET_OPTIONS } from '../../src/transport/socket-options.ts';

const setter = (options: object, takesProbes = true) =>
  keepAliveSetter(SOCKET_OPTIONS.part(options), takesProbes);

describe('keepAliveSetter', () => {
  it('sets an interval and a count that are not the default', () => {
    const set: unknown[] = [];
    const socket = { setKeepAlive: (...given: unknown[]) => set.push(given) };
    const idle = { keepAliveInitialDelayMs: 30_000 };
    setter({ ...idle, keepAliveIntervalMs: 7000 })!(socket as unknown as net.Socket);
    setter({ ...idle, keepAliveCount: 3 })!(socket as unknown as net.Socket);
    expect(set).toEqual([
      [true, 30_000, 7000, 10],
      [true, 30_000, 1000, 3],
    ]);
  });

  it('has nothing to set for the default, which every Node sets, and without keepalive', () => {
    const same = { keepAliveInitialDelayMs: 30_000, keepAliveIntervalMs: 1000, keepAliveCount: 10 };
    expect(setter({}, false)).toBeUndefined();
    expect(setter(same, false)).toBeUndefined();
    expect(setter({ keepAlive: false, keepAliveCount: 3 }, false)).toBeUndefined();
  });

  it('refuses what this Node cannot set', () => {
    const options = { keepAliveInitialDelayMs: 1000, keepAliveCount: 3 };
    const { bun, node } = process.versions;
    const here = bun === undefined ? `Node ${node}` : `Bun ${bun}`;
    expect(() => setter(options, false)).toThrow(
      `keepAliveCount needs a Node whose socket.setKeepAlive takes an interval and a count (24.21 and 26.10 do), but this is ${here}`,
    );
  });

  it('refuses times of probes after an idle time of the system', () => {
    const text = 'keepAliveIntervalMs needs a keepAliveInitialDelayMs of 1000 or more, and it is 0';
    expect(() => setter({ keepAliveIntervalMs: 5000 })).toThrow(text);
    expect(() => setter({ keepAliveInitialDelayMs: 999, keepAliveCount: 3 })).toThrow('it is 999');
  });
});
