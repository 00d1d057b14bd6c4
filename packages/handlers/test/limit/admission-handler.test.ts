import type { Channel, Handler, RejectedError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { AdmissionOptions } from '../../src/limit/admission-handler.ts';
import { ConnectionLimitHandler } from '../../src/limit/connection-limit-handler.ts';
import { ConnectionRateHandler } from '../../src/limit/connection-rate-handler.ts';
import { IpFilterHandler } from '../../src/limit/ip-filter-handler.ts';
import { listeningClock, listeningWith } from './listening.ts';

/** All admission handlers, each so that it refuses the second connection of an address and all later ones. */
const members: Readonly<Record<string, (options: AdmissionOptions) => Handler>> = {
  ConnectionLimitHandler: (options) => new ConnectionLimitHandler({ total: 1, ...options }),
  ConnectionRateHandler: (options) =>
    new ConnectionRateHandler({ perAddressPerSecond: 0.001, perAddressBurst: 1, ...options }),
  IpFilterHandler: (options) => new IpFilterHandler({ rules: [{ deny: '10.0.0.2' }], ...options }),
};
const addressOf: Readonly<Record<string, string>> = { IpFilterHandler: '10.0.0.2' };

describe.each(Object.entries(members))('%s with lastWordMs false', (name, make) => {
  const refused = addressOf[name] ?? '10.0.0.1';

  it('shows each refused connection to onRefused and closes it at once', () => {
    const seen: RejectedError[] = [];
    const registered: boolean[] = [];
    const onRefused = (child: Channel, error: RejectedError): void => {
      seen.push(error);
      registered.push(child.isRegistered);
    };
    const { accept } = listeningWith(make({ onRefused, lastWordMs: false, maxLastWords: 1 }));
    accept('10.0.0.1');
    const timers = listeningClock.pendingTimers;
    const children = [1, 2, 3].map(() => accept(refused).child);
    expect(children.map((child) => child.closeInfo?.reason)).toEqual(Array(3).fill('refused'));
    expect(seen).toHaveLength(3);
    expect(registered).toEqual([false, false, false]);
    expect(listeningClock.pendingTimers).toBe(timers);
  });

  it('closes a refused connection at once that is in use already', () => {
    const seen: unknown[] = [];
    const onRefused = (child: Channel): void => void seen.push(child);
    const handler = make({ onRefused, lastWordMs: false });
    const remoteAddress = { host: refused, port: 1, family: 'IPv4' } as const;
    const connect = () => {
      const channel = EmbeddedChannel.with({ remoteAddress, register: false }, handler);
      channel.register();
      return channel;
    };
    connect();
    const second = connect();
    expect(second.closeInfo?.reason).toBe('refused');
    expect(seen).toContain(second);
  });

  it('closes a refused connection when onRefused fails', async () => {
    const fails = [
      () => {
        throw new Error('no log');
      },
      () => Promise.reject(new Error('no log')) as never,
    ];
    for (const onRefused of fails) {
      const { accept } = listeningWith(make({ onRefused, lastWordMs: false }));
      accept('10.0.0.1');
      expect(accept(refused).child.isOpen).toBe(false);
      await Promise.resolve();
    }
  });
});

describe.each(Object.entries(members))('%s', (_name, make) => {
  it('refuses a last word without an end', () => {
    expect(() => make({ lastWordMs: Number.POSITIVE_INFINITY })).toThrow(
      'lastWordMs is Infinity, but must be a positive number of milliseconds, or false for no last message',
    );
    expect(() => make({ lastWordMs: 0 })).toThrow('lastWordMs is 0, but must be');
  });
});
