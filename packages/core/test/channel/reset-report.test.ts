import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/contract/logger.ts';
import { EmbeddedChannel } from '../../src/testing/embedded-channel.ts';

describe('a write whose failure is unhandled', () => {
  it.each([
    ['ECONNRESET', ['debug']],
    ['EPIPE', ['debug']],
    ['ENOBUFS', ['warn']],
  ])('is worth a warning if %s failed it: %j', (code, levels) => {
    const logged: LogLevel[] = [];
    const logger = {
      log(level: LogLevel, text: string) {
        if (text.includes('nothing handled its error')) logged.push(level);
      },
    };
    const hooks = { unhandledException: () => {} };
    const channel = EmbeddedChannel.with({ logger, hooks });
    channel.embedded.isStuck = true;
    channel.run(() => void channel.writeAndFlush('on its way'));
    channel.run(() => channel.embedded.sink.failed(Object.assign(new Error(code), { code })));
    expect(logged).toEqual(levels);
  });
});
