import { connect } from 'node:net';
import { type Logger, ServerBootstrap } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';
import { HttpEndpoint } from '../../src/index.ts';
import type { HttpEndpointOptions } from '../../src/server/http-endpoint.ts';

const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: x',
  'Origin: https://friend.example',
  'X-Forwarded-For: 192.0.2.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n');
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** A server with such options, which is asked for this; it ends the connection, or stops. */
function asked(
  text: string,
  options: (fails: Failing) => HttpEndpointOptions,
  status?: string,
): Attempt {
  return async (fails, errors) => {
    const logger: Logger = {
      log: (_level, line, error) => void errors.push(`${line} ${error?.message}`),
    };
    const clock = new VirtualClock();
    let turnsLeft = Infinity;
    const called: Failing = (...args) => {
      turnsLeft = 15;
      return fails(...args);
    };
    const endpoint = new HttpEndpoint({
      allowOrigin: ['https://friend.example'],
      webSocket: () => {},
      ...options(called),
    });
    const server = await new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .childOptions({ logger, clock })
      .bind({ port: 0, host: '127.0.0.1' });
    let answer = '';
    const socket = connect({ port: server.port, host: '127.0.0.1' }, () => socket.write(text));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        answer += bytes;
      });
    // Deadlines pass; an answer may take its time, and the client leaves.
    const time = setInterval(() => {
      clock.advance(1000);
      turnsLeft -= 1;
      if (turnsLeft === 0) socket.destroy();
    }, 1);
    await closed;
    clearInterval(time);
    if (status !== undefined && errors.length > 0) expect(answer).toContain(status);
    const closing = server.close();
    clock.advance(1000);
    await closing;
  };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'HttpEndpoint request': asked(GET, (request) => ({ request })),
  'WebSocketUpgradeOptions allowOrigin': asked(UPGRADE, (allowOrigin) => ({ allowOrigin }), '500'),
  trustedProxies: asked(UPGRADE, (trustedProxies) => ({ trustedProxies }), '500'),
  authorize: asked(UPGRADE, (authorize) => ({ authorize })),
  webSocket: asked(UPGRADE, (webSocket) => ({ webSocket })),
});
