import { describe, expect, it } from 'vitest';
import { CHANNEL_OPTIONS } from '../../src/channel/channel-options.ts';
import { ServerBootstrap, type ServerOptions } from '../../src/index.ts';
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
