// How the two ways to a server are tried, without a network.
import { ChannelError, OptionError, TimedOutError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { HttpTunnel } from '../../src/client/http-tunnel.ts';
import { WEB_SOCKET_ERRORS } from '../../src/web-socket-errors.ts';

const url = 'ws://host/ws';

async function failureOf(webSocket: Error, tunnel: Error, way = new HttpTunnel()): Promise<Error> {
  const connecting = way.tryWays(url, {
    webSocket: () => Promise.reject(webSocket),
    tunnel: () => Promise.reject(tunnel),
    signal: undefined,
    clock: undefined,
    logger: undefined,
  });
  return connecting.then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  );
}

describe('an HttpTunnel whose WebSockets open', () => {
  /** Connects, and ends a WebSocket at once. Returns the way. */
  const connectVia = (
    way: HttpTunnel,
    clock: VirtualClock,
    hasCarried: boolean,
    place = url,
  ): Promise<string> =>
    way.tryWays(place, {
      webSocket: (_timeoutMs, ended) => {
        setImmediate(() => ended(hasCarried));
        return Promise.resolve('webSocket');
      },
      tunnel: () => Promise.resolve('tunnel'),
      signal: undefined,
      clock,
      logger: undefined,
    });

  it('goes by the tunnel after three in a row that carried nothing, and comes back', async () => {
    const [way, clock, ways] = [new HttpTunnel(), new VirtualClock(), [] as string[]];
    const connects = async (...carried: boolean[]): Promise<void> => {
      for (const hasCarried of carried) {
        ways.push(await connectVia(way, clock, hasCarried));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await connects(false, false, true, false, false, false);
    expect(ways.splice(0)).toEqual(Array.from({ length: 6 }, () => 'webSocket'));
    await connects(false, false);
    clock.advance(600_001);
    await connects(false, false, false);
    clock.advance(600_001);
    await connects(true, true);
    expect(ways.join(' ')).toBe('tunnel tunnel webSocket tunnel tunnel webSocket webSocket');
  });

  it('remembers a place without its secrets, which can be others for each connect', async () => {
    const [way, clock] = [new HttpTunnel(), new VirtualClock()];
    const at = (i: number): string => `ws://user:${i}@host/ws?token=${i}`;
    for (let i = 0; i < 3; i += 1) {
      await connectVia(way, clock, false, at(i));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([at(4), url, `${url}/other`].map((one) => way.isPreferred(one))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('the two ways of an HttpTunnel, where both fail', () => {
  const timeout = new TimedOutError('TIMEOUT_CONNECT', 'no WebSocket in 5000 ms', {
    afterMs: 5000,
  });
  const refused = new ChannelError('CHANNEL_REFUSED', 'the tunnel got 404', { statusCode: 404 });
  const buffered = new ChannelError(WEB_SOCKET_ERRORS.TUNNEL_BUFFERED, 'held back', { url });

  it('fail with the first error, and name both', async () => {
    const error = await failureOf(timeout, refused);
    expect(error).toBeInstanceOf(TimedOutError);
    expect(error).toMatchObject({
      code: 'HR_ERR_TIMEOUT_CONNECT',
      details: { afterMs: 5000 },
      help: timeout.help,
    });
    expect(error.message).toContain('no WebSocket in 5000 ms');
    expect(error.message).toContain('the tunnel got 404');
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).errors).toEqual([timeout, refused]);
  });

  it('fail with the error of the tunnel where the user can act on it', async () => {
    const error = await failureOf(timeout, buffered);
    expect(error).toBeInstanceOf(ChannelError);
    expect(error).toMatchObject({ code: 'HR_ERR_TUNNEL_BUFFERED', help: buffered.help });
    expect(error.message).toContain('no WebSocket in 5000 ms');
    expect((error.cause as AggregateError).errors).toEqual([timeout, buffered]);
  });

  it('keep the code of an error that is none of ours', async () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const error = await failureOf(reset, refused);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect((error.cause as AggregateError).errors).toEqual([reset, refused]);
  });

  it('fail with an OptionError as it is', async () => {
    const wrong = new OptionError('OPTION_INVALID', 'no such option', { option: 'x' });
    expect(await failureOf(wrong, refused)).toBe(wrong);
    expect(await failureOf(timeout, wrong)).toBe(wrong);
  });
});
