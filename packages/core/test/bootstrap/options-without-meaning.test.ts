import { describe, expect, it } from 'vitest';
import { CHANNEL_OPTIONS } from '../../src/channel/channel-options.ts';
import { type ChildOptions, ServerBootstrap, type ServerOptions } from '../../src/index.ts';
import type { Listener } from '../../src/transport/listener.ts';
import { SOCKET_OPTIONS } from '../../src/transport/socket-options.ts';

/** A listening channel has no bytes, no peer and no socket options of its own. */
const OF_LISTENERS = ['autoRead', 'logger', 'clock', 'hooks'];

describe('each option of a connection', () => {
  for (const name of [
    ...Object.keys(CHANNEL_OPTIONS.kinds),
    ...Object.keys(SOCKET_OPTIONS.kinds),
  ]) {
    const options = { [name]: undefined } as ServerOptions;
    if (OF_LISTENERS.includes(name)) {
      it(`${name} is an option of a listening channel, too`, () => {
        expect(() => new ServerBootstrap().options(options)).not.toThrow();
      });
      continue;
    }
    it(`${name} is refused as an option of a listening channel, with the place to put it`, () => {
      expect(() => new ServerBootstrap().options(options)).toThrow(
        `.options has no option ${name} (undefined); put ${name} into childOptions`,
      );
      expect(() => new ServerBootstrap().childOptions(options)).not.toThrow();
    });
  }
});

it('a misspelled option of a listening channel is shown the nearest name', () => {
  expect(() => new ServerBootstrap().options({ autoread: false } as never)).toThrow(
    'did you mean autoRead?',
  );
});

describe('an option of sockets, with a listener of the application', () => {
  const listener = { connectionless: undefined } as unknown as Listener;
  const bindWith = (options: ChildOptions, target = listener) =>
    new ServerBootstrap()
      .childHandler(() => {})
      .childOptions(options)
      .bind({ listener: target });

  const valueFor = (name: string) => (/Ms$|Count$/.test(name) ? 1000 : true);

  it.each(Object.keys(SOCKET_OPTIONS.kinds))('is refused: %s', async (name) => {
    await expect(bindWith({ [name]: valueFor(name) })).rejects.toThrow(
      `.childOptions has no option ${name} (${valueFor(name)}); the listener makes the connections`,
    );
  });

  it.each([
    ['allowHalfOpen', 'datagrams have no end of a half'],
    ['outboundStallMs', 'output of datagrams has no time limit'],
    ['noDelay', 'the listener makes the connections'],
  ])('is refused for datagrams: %s', async (name, why) => {
    const datagrams = { connectionless: {} } as unknown as Listener;
    await expect(bindWith({ [name]: valueFor(name) }, datagrams)).rejects.toThrow(
      `.childOptions has no option ${name} (${valueFor(name)}); ${why}`,
    );
  });
});
