// Whether a server takes Bun's sockets, and why not.
import { ServerBootstrap } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import type { BunApi, BunSocket } from '../../../src/transport/bun/bun-api.ts';
import {
  type BunPlatform,
  checkSockets,
  obstacleOf,
} from '../../../src/transport/bun/bun-sockets.ts';
import { selfSigned } from '../../fixture/certificates.ts';
import { type Breaks, fakeBun } from '../../fixture/fake-bun.ts';

const isOnBun = process.versions['bun'] !== undefined;

describe('what stands against the sockets of Bun', () => {
  const base: BunPlatform = { versions: { bun: '1.4.5', node: '26.3.0' } };
  const cases: readonly [platform: Partial<BunPlatform>, why: RegExp | undefined][] = [
    [{}, undefined],
    [{ versions: { bun: '1.5.0' } }, undefined],
    [{ versions: { bun: '2.0.1' } }, undefined],
    [{ versions: { bun: '1.3.9' } }, /1\.3\.9 is older than 1\.4/],
    [{ versions: { bun: '0.9.0' } }, /older/],
    [{ versions: { node: '26.3.0' } }, /this is not Bun/],
  ];
  for (const [platform, why] of cases) {
    it(`is ${why ?? 'nothing'}`, () => {
      const found = obstacleOf({ ...base, ...platform }, fakeBun());
      if (why === undefined) expect(found).toBeUndefined();
      else expect(found).toMatch(why);
    });
  }

  it('is an API without what we use', () => {
    expect(obstacleOf(base, {} as BunApi)).toMatch(/no Bun\.listen/);
    expect(obstacleOf(base, undefined)).toMatch(/no Bun\.listen/);
  });
});

describe('the self-check of the sockets of Bun', () => {
  it('finds nothing wrong with what the documents promise', async () => {
    expect(await checkSockets(fakeBun())).toBeUndefined();
  });

  const changed =
    (change: (socket: BunSocket<unknown>) => Partial<BunSocket<unknown>>): Breaks =>
    (socket) =>
      void Object.assign(socket, change(socket));
  const cases: readonly [what: string, breaks: Breaks, why: RegExp][] = [
    [
      'a write takes less than it reports',
      changed(({ write }) => ({
        write: (bytes, at, length) => write(bytes, at, length - 1) + 1,
      })),
      /too long|other bytes/,
    ],
    ['a write takes nothing', changed(() => ({ write: () => 0 })), /too long/],
    [
      'a write keeps what it cannot send',
      changed(({ write }) => ({
        write: (bytes, at, length) => {
          write(bytes, at, length);
          return length;
        },
      })),
      /every write was over at once|other bytes|too long/,
    ],
    [
      'a shutdown closes both halves',
      changed(({ close }) => ({ shutdown: close })),
      /saw \[\[.*disconnected|too long/,
    ],
    ['a socket cannot be resumed', changed(() => ({ resume() {} })), /too long/],
  ];
  for (const [what, breaks, why] of cases) {
    it(`sees that ${what}`, async () => {
      expect(await checkSockets(fakeBun(breaks), 500)).toMatch(why);
    });
  }

  it('refuses an address on which it cannot listen', async () => {
    const deaf: BunApi = {
      ...fakeBun(),
      listen() {
        throw new Error('no loopback');
      },
    };
    expect(await checkSockets(deaf)).toMatch(/the self-check failed: no loopback/);
  });
});

describe('sockets of Bun that are asked for', () => {
  const bind = (options: object) =>
    new ServerBootstrap()
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1', ...options } as { port: number });

  it('are refused with TLS, before its certificates are looked at', async () => {
    await expect(bind({ transport: 'bun', tls: {} })).rejects.toThrow(/TLS needs Node's sockets/);
  });

  if (isOnBun) {
    it('are what Bun takes by itself', async () => {
      const kinds: string[] = [];
      for (const options of [{}, { transport: 'bun' }, { transport: 'socket' }]) {
        const server = await bind(options);
        kinds.push(server.transportKind);
        await server.close();
      }
      expect(kinds).toEqual(['bun', 'bun', 'socket']);
    });

    it('are not Node handles, which are refused with and without TLS', async () => {
      for (const options of [{}, { tls: await selfSigned('localhost') }]) {
        const bound = bind({ transport: 'handle', ...options });
        await expect(bound).rejects.toThrow(/this is bun, not Node/);
      }
    });
  } else {
    it('are refused elsewhere, with the reason and the cure', async () => {
      const failure = await bind({ transport: 'bun' }).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        name: 'OptionError',
        code: 'HR_ERR_OPTION_CONFLICT',
        message: expect.stringMatching(/is not available: this is not Bun; leave the option out/),
      });
    });
  }
});
