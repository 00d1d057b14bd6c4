import type { LogLevel } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthOptions } from '../../src/auth/auth-options.ts';
import { SessionRegistry } from '../../src/auth/session-registry.ts';

type Options = Partial<AuthOptions<string, string, string>>;

/** A server whose peers sign in with their ids; what the registry reports, with the time. */
function server(options: Options = {}, graceMs = 0) {
  const clock = new VirtualClock();
  const sessions = new SessionRegistry<string>((id) => id, { graceMs });
  const seen: string[] = [];
  const at = () => `@${clock.now()}`;
  sessions.on('online', (id) => seen.push(`${id} online ${at()}`));
  sessions.on('moved', (id, { channel }, previous) => {
    expect(channel).not.toBe(previous);
    seen.push(`${id} moved ${at()}`);
  });
  sessions.on('offline', (id, _last, info) => seen.push(`${id} offline ${info?.reason} ${at()}`));
  const logged: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void logged.push(`${level} ${text}`) };
  const signIn = (id: string) => {
    const auth = new AuthHandler({
      authenticate: (text: string) =>
        text.startsWith('no') ? { refused: 'no' } : { principal: text },
      sessions,
      ...options,
    });
    const channel = EmbeddedChannel.with({ clock, logger }, auth);
    channel.writeInbound(id);
    return channel;
  };
  return { clock, sessions, seen, logged, signIn };
}

describe('SessionRegistry, presence', () => {
  it('reports users that come and go', () => {
    const { sessions, seen, signIn } = server();
    const ann = signIn('ann');
    signIn('nobody');
    expect(sessions.isOnline('ann')).toBe(true);
    ann.endInput();
    expect(seen).toEqual(['ann online @0', 'ann offline peer @0']);
    expect(sessions.isOnline('ann')).toBe(false);
  });

  it('a device that comes in again after a half-open loss has never been offline', () => {
    for (const duplicatePolicy of ['kick-older', 'allow'] as const) {
      const { seen, signIn } = server({ duplicatePolicy });
      const lost = signIn('pump');
      signIn('pump');
      lost.close('heartbeat');
      expect(seen).toEqual(['pump online @0', 'pump moved @0']);
    }
  });

  it('reports the move back when the newer of two connections closes', () => {
    const { seen, signIn } = server();
    const first = signIn('ann');
    const second = signIn('ann');
    second.close();
    first.close();
    expect(seen).toEqual(['ann online @0', 'ann moved @0', 'ann moved @0', 'ann offline local @0']);
  });

  it('reports nothing of a newer connection that is refused', () => {
    const { seen, signIn } = server({ duplicatePolicy: 'refuse' });
    signIn('ann');
    signIn('ann').close();
    expect(seen).toEqual(['ann online @0']);
  });

  it('waits for a grace time before an id counts as offline', () => {
    const { clock, sessions, seen, signIn } = server({}, 5000);
    signIn('ann').close();
    clock.advance(4999);
    expect([sessions.has('ann'), sessions.isOnline('ann')]).toEqual([false, true]);
    signIn('ann').close('idle');
    clock.advance(4999);
    expect(seen).toEqual(['ann online @0', 'ann moved @4999']);
    clock.advance(1);
    expect(seen.slice(2)).toEqual(['ann offline idle @9999']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('reports both ids when a channel moves from one to another', () => {
    const { clock, seen, signIn } = server({ again: 'move', isCredentials: () => true });
    const channel = signIn('ann');
    channel.writeInbound('bob');
    clock.runTasks();
    expect(seen).toEqual(['ann online @0', 'bob online @0', 'ann offline undefined @0']);
  });

  it.each([
    [
      'throws',
      (): void => {
        throw new Error('dashboard is down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('dashboard is down'))],
  ])('logs a listener that %s, calls the others, and lets the peer in', async (_what, fails) => {
    const { sessions, logged, signIn } = server();
    const online: string[] = [];
    sessions.on('online', fails as () => void);
    sessions.on('online', (id) => void online.push(id));
    const channel = signIn('ann');
    await Promise.resolve();
    expect([online, sessions.channel('ann') === channel, channel.isEnding]).toEqual([
      ['ann'],
      true,
      false,
    ]);
    expect(logged).toEqual([expect.stringMatching(/^error .*'online' failed/)]);
  });

  it('refuses an invalid grace time', () => {
    expect(() => new SessionRegistry(String, { graceMs: -1 })).toThrow(/graceMs is -1/);
  });
});
