// One rule for the internals of all runtimes, tried on a runtime that exists here alone.
import { describe, expect, it } from 'vitest';
import { chooseSockets } from '../../src/transport/choose-sockets.ts';
import type { Listener, TransportChoice, WantedTransport } from '../../src/transport/listener.ts';
import type { NativeListen, NativeSockets } from '../../src/transport/native-sockets.ts';

const OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelayMs: 0,
  keepAliveIntervalMs: 1000,
  keepAliveCount: 10,
};

/** A runtime whose own sockets are taken. */
function sockets(changes: Partial<NativeSockets> = {}): NativeSockets {
  const listen: NativeListen = (_target, _options, why, isRequired) =>
    ({
      way: { kind: 'handle', why: isRequired ? `${why}, required` : why },
    }) as unknown as Listener;
  return {
    kind: 'handle',
    runtime: 'Runtime 1',
    isHere: () => true,
    obstacle: () => undefined,
    check: async () => listen,
    ...changes,
  };
}

async function way(
  native: NativeSockets,
  wanted: WantedTransport = 'auto',
  env: Readonly<Record<string, string>> = {},
): Promise<TransportChoice | undefined> {
  const listen = await chooseSockets(wanted, [native], env);
  return listen({ port: 0 }, OPTIONS).way;
}

describe('what a runtime has below its sockets', () => {
  it('is taken once it is checked, and must be where it is asked for', async () => {
    expect(await way(sockets())).toEqual({ kind: 'handle', why: 'Runtime 1, checked' });
    expect((await way(sockets(), 'handle'))?.why).toBe('Runtime 1, checked, required');
  });

  it('is checked once for the whole process', async () => {
    let checks = 0;
    const counted = sockets({
      check: async () => {
        checks += 1;
        return 'it took too long';
      },
    });
    await way(counted);
    await way(counted);
    expect(checks).toBe(1);
  });

  it.each([
    ['an obstacle', { obstacle: () => 'it is too old' }, 'it is too old'],
    ['a self-check', { check: async () => 'it took too long' }, 'it took too long'],
  ])('gives way to public sockets after %s, which is a fall back', async (_what, native, why) => {
    expect(await way(sockets(native))).toEqual({ kind: 'socket', why, isFallback: true });
    await expect(way(sockets(native), 'handle')).rejects.toThrow(
      `transport 'handle' is not available: ${why}; leave the option out`,
    );
  });

  it('is not looked at where public sockets are asked for, which is not a fallback', async () => {
    const untouched = sockets({
      obstacle: () => {
        throw new Error('looked at');
      },
    });
    const asked = { kind: 'socket', isFallback: false };
    const only = { HEADRACE_PUBLIC_API_ONLY: '1' };
    expect(await way(untouched, 'socket')).toEqual({ ...asked, why: 'asked for' });
    const why = 'HEADRACE_PUBLIC_API_ONLY is 1';
    expect(await way(untouched, 'auto', only)).toEqual({ ...asked, why });
    await expect(way(untouched, 'handle', only)).rejects.toThrow(why);
  });

  it('is not looked for on another runtime', async () => {
    const elsewhere = sockets({ isHere: () => false });
    expect(await way(elsewhere)).toMatchObject({ kind: 'socket', isFallback: false });
    expect((await way(elsewhere, 'handle'))?.kind).toBe('handle');
  });
});
