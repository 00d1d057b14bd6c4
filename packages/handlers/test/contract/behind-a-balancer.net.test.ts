import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { ProxyProtocolDecoder, ProxyProtocolEvent, textLines } from '@headrace/codec';
import {
  type Channel,
  type Context,
  clientAddress,
  type Handler,
  PEER_CERTIFICATE,
  ServerBootstrap,
  TLS,
  TlsHandshakeEvent,
  TlsServerContext,
} from '@headrace/core';
import { isOwnFault } from '@headrace/core/authoring';
import { ConnectionLimitHandler } from '@headrace/handlers';
import { afterEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../../../core/test/fixture/certificates.ts';

const LINE = 'PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n';
const authority = await makeAuthority('ours');
const identity = await authority.sign('localhost');
const side = new TlsServerContext({
  ...identity,
  ca: authority.ca,
  clientCertificate: 'require',
});
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

interface Log {
  readonly level: string;
  readonly text: string;
  readonly hasStack: boolean;
}

/** Starts a server. Returns its port, and what it logs. */
async function serve(
  build: (channel: Channel) => void,
): Promise<{ readonly port: number; readonly logged: readonly Log[] }> {
  const logged: Log[] = [];
  const logger = {
    log: (level: string, text: string, error?: unknown) => {
      const hasStack = error instanceof Error && isOwnFault(error);
      if (level !== 'debug' && level !== 'trace') logged.push({ level, text, hasStack });
    },
  };
  const server = await new ServerBootstrap()
    .options({ logger })
    .childOptions({ logger })
    .childHandler(build)
    .bind({ port: 0, host: '127.0.0.1' });
  open.push(server);
  return { port: server.port, logged };
}

async function dial(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

/** Does what a client does behind a balancer that passes TLS through. */
function secure(socket: net.Socket): tls.TLSSocket {
  const over = { socket, ca: authority.ca, servername: 'localhost', ...identity };
  const client = tls.connect(over);
  client.on('error', () => {});
  return client;
}

/** Collects texts until one contains `end`, or the stream has ended. */
function textUntil(from: NodeJS.ReadableStream, end?: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    from.on('data', (bytes: Buffer) => {
      text += String(bytes);
      if (end !== undefined && text.includes(end)) resolve(text);
    });
    for (const event of ['end', 'error', 'close']) from.once(event, () => resolve(text));
  });
}

class Greeter implements Handler {
  readonly seen: string[] = [];

  handlerAdded(ctx: Context): void {
    ctx.writeAndFlush('added');
  }

  userEventTriggered({ channel }: Context, event: unknown): void {
    const { host } = clientAddress(channel) as { host: string };
    if (event instanceof ProxyProtocolEvent) {
      this.seen.push(`client ${host}, TLS ${channel.attributes.has(TLS)}`);
      channel.writeAndFlush('announced');
    } else if (event instanceof TlsHandshakeEvent) this.seen.push('handshake');
  }

  channelActive(ctx: Context): void {
    const { attributes } = ctx.channel;
    this.seen.push(`active, TLS ${attributes.has(TLS)}, ${attributes.has(PEER_CERTIFICATE)}`);
    ctx.writeAndFlush('220 hello');
  }

  channelRead(ctx: Context, line: string): void {
    this.seen.push(line);
    ctx.writeAndFlush(`250 ${line}`);
  }

  channelInactive(): void {
    this.seen.push('inactive');
  }
}

const decoder = (): ProxyProtocolDecoder =>
  new ProxyProtocolDecoder({ trusted: ['127.0.0.1'], tls: side });

describe('a ProxyProtocolDecoder with TLS', () => {
  it('sends nothing in plain, and passes channelActive on after the handshake', async () => {
    const greeter = new Greeter();
    const { port } = await serve((channel) => {
      channel.pipeline.addLast(decoder(), ...textLines(), greeter);
      channel.writeAndFlush('built');
    });
    const socket = await dial(port);
    const plain: Buffer[] = [];
    const note = (bytes: Buffer): void => void plain.push(bytes);
    socket.on('data', note);
    socket.write(LINE.slice(0, 30));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([plain, greeter.seen]).toEqual([[], []]);
    socket.off('data', note);
    socket.write(LINE.slice(30));
    const client = secure(socket);
    client.write('hi\n');
    const text = await textUntil(client, '250');
    expect(text.split('\n').filter((line) => line !== '')).toEqual([
      'added',
      'built',
      'announced',
      '220 hello',
      '250 hi',
    ]);
    expect(greeter.seen).toEqual([
      'client 203.0.113.7, TLS false',
      'active, TLS true, true',
      'handshake',
      'hi',
    ]);
  });

  it('starts TLS with clients that are not a proxy, and does not serve them in plain', async () => {
    const greeter = new Greeter();
    const { port } = await serve((channel) =>
      channel.pipeline.addLast(
        new ProxyProtocolDecoder({ trusted: [], others: 'as-data', tls: side }),
        ...textLines(),
        greeter,
      ),
    );
    const client = secure(await dial(port));
    client.write('hi\n');
    expect(await textUntil(client, '250')).toContain('220 hello\n250 hi');
    const plain = await dial(port);
    plain.write('AUTH ann sesame\n');
    expect(await textUntil(plain, '250')).not.toContain('220');
  });

  it('closes a connection whose handshake fails, and handlers never see it', async () => {
    const greeter = new Greeter();
    const { port, logged } = await serve((channel) =>
      channel.pipeline.addLast(decoder(), ...textLines(), greeter),
    );
    const socket = await dial(port);
    socket.resume();
    socket.write(`${LINE}GET / HTTP/1.1\r\n\r\n`);
    await once(socket, 'close');
    await expect.poll(() => logged).not.toEqual([]);
    const uncaught = logged.filter(({ text }) => text.includes('no handler caught an error'));
    expect(uncaught).toEqual([expect.objectContaining({ level: 'warn', hasStack: false })]);
    expect(greeter.seen).toEqual(['client 203.0.113.7, TLS false']);
  });

  it.each([
    ['without a last word', false, ''],
    ['with a last word, which is encrypted', 1000, 'busy'],
  ] as const)('refuses a client over a limit %s', async (_name, lastWordMs, word) => {
    const greeters: Greeter[] = [];
    const limit = new ConnectionLimitHandler({
      perAddress: 1,
      waitForClient: true,
      lastWordMs,
      onRefused: (child) => {
        if (lastWordMs === false) return;
        child.writeAndFlush('busy');
        child.end();
      },
    });
    const { port, logged } = await serve((channel) => {
      const greeter = new Greeter();
      greeters.push(greeter);
      channel.pipeline.addLast(decoder(), limit, ...textLines(), greeter);
    });
    const first = await dial(port);
    first.write(LINE);
    expect(await textUntil(secure(first), '220')).toContain('220');
    const second = await dial(port);
    second.write(LINE);
    const client = secure(second);
    const text = await textUntil(client);
    expect(text).toContain(word);
    expect(text).not.toContain('220');
    expect([greeters[1]!.seen, logged]).toEqual([[], []]);
  });
});
