// A page's WebSocket, whose place `ws` takes here, and a server of ours.
import {
  type Channel,
  connectChannel,
  handler,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { dial } from '../../src/browser/dial.ts';
import { HttpEndpoint, WebSocketTextCodec } from '../../src/index.ts';
import { beginPipeline } from '../../src/socket/web-socket-channel.ts';

const page = globalThis as { WebSocket?: unknown; location?: unknown; document?: unknown };
const before = { WebSocket: page.WebSocket, location: page.location };
beforeEach(() => {
  page.WebSocket = WebSocket;
});
afterEach(() => {
  Object.assign(page, before);
  delete page.document;
});

const shout = handler<{ reads: string; passesOn: never; writes: string }>({
  sharable: true,
  channelRead: (ctx, text) => void ctx.writeAndFlush(text.toUpperCase()),
});

async function serving(use: (port: number) => Promise<void>): Promise<void> {
  const endpoint = new HttpEndpoint({
    subprotocols: ['shout'],
    webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), shout),
  });
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  try {
    await use(server.port);
  } finally {
    await server.close();
  }
}

function connect(url: string): Promise<Channel> {
  const transport = dial(url, { subprotocols: ['shout'] });
  return connectChannel(transport, {
    logger: silentLogger,
    initialize: (channel) => {
      beginPipeline(channel, transport, Number.POSITIVE_INFINITY);
      channel.pipeline.addLast(new WebSocketTextCodec());
    },
  });
}

describe('the WebSocket of a page', () => {
  it('talks with a server, to an address that may be relative to the page', async () => {
    await serving(async (port) => {
      page.location = { href: `http://127.0.0.1:${port}/a/page.html?query` };
      const channel = await connect('/ws');
      await channel.writeAndFlush('hello');
      for await (const text of channel) {
        expect(text).toBe('HELLO');
        break;
      }
      await channel.closed;
      expect(channel.closeInfo).toMatchObject({ reason: 'local' });
    });
  });

  it.each([
    ['a page with a base', 'ws', 'http://other.example/deep/page.html', '/'],
    ['a frame with its document in srcdoc', '/ws', 'about:srcdoc', '/a/page.html'],
    ['a frame that its page has written', '/ws', 'about:blank', '/a/page.html'],
  ])(
    'takes an address that is relative to the base of the document, in %s',
    async (_, address, href, base) => {
      await serving(async (port) => {
        page.location = { href };
        page.document = { baseURI: `http://127.0.0.1:${port}${base}` };
        const channel = await connect(address);
        expect(channel.isActive).toBe(true);
        await channel.close();
      });
    },
  );

  it('says that there is no server', async () => {
    await expect(connect('ws://127.0.0.1:1/ws')).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
    });
  });

  it.each(['ftp://host/', 'ws://host/#part', '/ws'])('refuses the address %s', (url) => {
    expect(() => dial(url, {})).toThrow('is not a URL of a WebSocket');
  });

  it.each([{ headers: { a: 'b' } }, { origin: 'https://a.example' }, { tls: {} }])(
    'refuses %j, and says what to do instead',
    (options) => {
      expect(() => dial('ws://host/', options)).toThrow('cannot be used in a page');
    },
  );

  it.each([[['a b']], [['']], [['chat', 'chat']]])(
    'refuses the subprotocols %j',
    (subprotocols) => {
      expect(() => dial('ws://host/', { subprotocols })).toThrow('must have different names');
    },
  );

  it('says that there is none', async () => {
    page.WebSocket = undefined;
    await expect(connect('ws://127.0.0.1:1/ws')).rejects.toThrow('this runtime has no WebSocket');
  });
});
