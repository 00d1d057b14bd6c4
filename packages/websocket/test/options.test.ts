import { isHeadraceError, OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import * as websocket from '../src/index.ts';

/** What takes an options object, called with one that may be wrong, and what its errors call it. */
const takers: Readonly<Record<string, readonly [string, (options: never) => unknown]>> = {
  HttpEndpoint: ['HttpEndpoint', (options) => new websocket.HttpEndpoint(options)],
  HttpEndpointHandler: [
    'HttpEndpointHandler',
    (options) => new websocket.HttpEndpointHandler(options),
  ],
  HttpTunnel: ['HttpTunnel', (options) => new websocket.HttpTunnel(options)],
  WebSocketBootstrap: [
    '.options',
    (options) => new websocket.WebSocketBootstrap().options(options),
  ],
  WebSocketJsonCodec: [
    'WebSocketJsonCodec',
    (options) => new websocket.WebSocketJsonCodec(options),
  ],
};

/** Options within options, and of methods. */
const inner: Readonly<Record<string, (options: never) => unknown>> = {
  '.handler': (options) => new websocket.HttpEndpoint().handler(options),
  compression: (compression) => new websocket.HttpEndpoint({ compression }),
  webSocketOptions: (webSocketOptions) => new websocket.HttpEndpoint({ webSocketOptions }),
};

/** Exported classes and functions that take none. */
const others: ReadonlySet<string> = new Set([
  'TextMessage',
  'WebSocketBinaryCodec',
  'WebSocketPing',
  'WebSocketPong',
  'WebSocketTextCodec',
  'bearerOf',
  'closeCodeOf',
  'cookieOf',
  'webSocketHeartbeat',
]);

function textOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (isHeadraceError(thrown, 'OPTION_INVALID')) return thrown.message;
  }
  return 'no OptionError';
}

it('knows of every exported class and function whether it takes options', () => {
  const exported: Readonly<Record<string, unknown>> = { ...websocket };
  const names = Object.keys(exported).filter((name) => typeof exported[name] === 'function');
  expect(names.sort()).toEqual([...Object.keys(takers), ...others].sort());
});

describe.each([...Object.values(takers), ...Object.entries(inner)])('%s', (owner, take) => {
  it('refuses an unknown option', () => {
    const text = textOf(() => take({ unknownOption: 1 } as never));
    expect(text).toContain(`${owner} has no option unknownOption (1); `);
  });

  it('refuses a value that is not an options object', () => {
    for (const value of [null, 80, 'text', [], () => {}]) {
      expect(textOf(() => take(value as never))).toContain(`${owner} takes an object with `);
    }
  });
});

it('refuses unknown options of connect before it connects', async () => {
  const client = new websocket.WebSocketBootstrap().handler(() => {});
  const connecting = client.connect('ws://127.0.0.1:1/', { timeout: 5 } as never);
  await expect(connecting).rejects.toThrow(OptionError);
  await expect(connecting).rejects.toThrow('connect has no option timeout (5)');
});
