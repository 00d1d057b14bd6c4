// Pages in real Chromium: their browser answers pings, one whose network fails is found, and they sign in.
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Channel, type Context, type Server, ServerBootstrap } from '@headrace/core';
import { HeartbeatHandler, HeartbeatReceivedEvent } from '@headrace/handlers';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bearerOf,
  cookieOf,
  HttpEndpoint,
  type WebSocketChannel,
  WebSocketTextCodec,
  webSocketHeartbeat,
} from '../../src/index.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);

if (!hasChromium && process.env['CI'] === 'true') {
  throw new Error(`no Chromium at ${executablePath}: set CHROMIUM_PATH`);
}

/** The WebSocket of the page that was opened last. */
class Peer {
  readonly channel: WebSocketChannel;
  readonly roundTrips: number[] = [];
  private wake: () => void = () => {};

  constructor(channel: WebSocketChannel) {
    this.channel = channel;
    const heartbeat = new HeartbeatHandler({
      format: webSocketHeartbeat(),
      intervalMs: 50,
      timeoutMs: 2000,
      maxMissed: 2,
      onlyWhenQuiet: false,
    });
    channel.pipeline.addLast(heartbeat, new WebSocketTextCodec(), {
      userEventTriggered: (_ctx: Context, event: unknown) => {
        if (!(event instanceof HeartbeatReceivedEvent)) return;
        this.roundTrips.push(event.roundTripMs ?? Number.NaN);
        this.wake();
      },
    });
  }

  async answers(count: number): Promise<void> {
    while (this.roundTrips.length < count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  closed(): Promise<Channel> {
    return new Promise((resolve) => {
      this.channel.onClosed(() => resolve(this.channel as Channel));
    });
  }
}

/** Passes bytes on until it fails, as a cable does: no end, no reset. */
class Network {
  readonly port: number;
  private readonly sockets: Socket[];
  private readonly end: () => void;

  private constructor(port: number, sockets: Socket[], end: () => void) {
    this.port = port;
    this.sockets = sockets;
    this.end = end;
  }

  static async before(port: number): Promise<Network> {
    const sockets: Socket[] = [];
    const listener = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const socket of [near, far]) socket.on('error', () => {});
      near.pipe(far);
      far.pipe(near);
      sockets.push(near, far);
    });
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
    const own = (listener.address() as AddressInfo).port;
    return new Network(own, sockets, () => void listener.close());
  }

  fail(): void {
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  close(): void {
    this.end();
    for (const socket of this.sockets) socket.destroy();
  }
}

const suite = hasChromium ? 'a page' : `pages (skipped: no Chromium at ${executablePath})`;

describe.skipIf(!hasChromium)(suite, { timeout: 60_000 }, () => {
  let server: Server;
  let browser: Browser;
  let peer: Peer;

  beforeAll(async () => {
    const endpoint = new HttpEndpoint({
      request: (_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.setHeader('Set-Cookie', 'sid=a%3Db; HttpOnly; SameSite=Strict');
        response.end('<!doctype html><title>a page</title>');
      },
      webSocketPath: ['/ws', '/token', '/cookie'],
      subprotocols: ['chat'],
      authorize: (request) => {
        if (request.url === '/token') return bearerOf(request) === 'sesame';
        return request.url === '/ws' || cookieOf(request, 'sid') === 'a=b';
      },
      webSocket: (channel) => {
        peer = new Peer(channel);
      },
    });
    server = await new ServerBootstrap()
      .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
      .bind({ host: '127.0.0.1', port: 0 });
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath, args });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  }, 60_000);

  async function listeningPage(port: number = server.port): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.evaluate(`new Promise((resolve, reject) => {
      const socket = new WebSocket('ws://' + location.host + '/ws');
      globalThis.heard = [];
      socket.onmessage = ({ data }) => globalThis.heard.push(data);
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error('no WebSocket'));
    })`);
    return page;
  }

  it('answers pings by its browser, and hears nothing of them', async () => {
    const page = await listeningPage();
    await peer.answers(10);
    expect(peer.roundTrips.every((ms) => ms >= 0 && ms < 2000)).toBe(true);
    expect(await page.evaluate('globalThis.heard')).toEqual([]);
    expect(peer.channel.isOpen).toBe(true);
    await page.close();
  });

  it('answers pings while its script is busy', async () => {
    const page = await listeningPage();
    await peer.answers(1);
    const before = peer.roundTrips.length;
    const busy = page.evaluate('for (const end = Date.now() + 1500; Date.now() < end; );');
    await peer.answers(before + 5);
    await busy;
    expect(peer.channel.isOpen).toBe(true);
    await page.close();
  });

  it('is found when its network passes nothing any more', async () => {
    const network = await Network.before(server.port);
    const page = await listeningPage(network.port);
    await peer.answers(3);
    const closed = peer.closed();
    network.fail();
    expect((await closed).closeInfo?.reason).toBe('heartbeat');
    await page.close();
    network.close();
  });

  it.each([
    [
      'with a token as a subprotocol, which the answer does not name',
      '/token',
      ['chat', 'bearer.sesame'],
      'open chat',
    ],
    ['not with another token', '/token', ['chat', 'bearer.other'], 'closed 1006'],
    ['not with a token beside no subprotocol of ours', '/token', ['bearer.sesame'], 'closed 1006'],
    ['with its cookie', '/cookie', [], 'open '],
  ])('signs in %s', async (_how, path, protocols, outcome) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/`);
    const open = `new Promise((resolve) => {
      const socket = new WebSocket('ws://' + location.host + '${path}', ${JSON.stringify(protocols)});
      socket.onopen = () => resolve('open ' + socket.protocol);
      socket.onclose = ({ code }) => resolve('closed ' + code);
    })`;
    expect(await page.evaluate(open)).toBe(outcome);
    await page.close();
  });
});
