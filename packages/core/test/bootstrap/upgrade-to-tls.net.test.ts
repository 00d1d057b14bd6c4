import { once } from 'node:events';
import net from 'node:net';
import {
  Bootstrap,
  type Channel,
  type ChannelOptions,
  type Context,
  type Handler,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  silentLogger,
  TLS,
  TlsClientContext,
  TlsServerContext,
  upgradeToTls,
  type WriteFuture,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';
import { Inbox } from '../fixture/inbox.ts';
import { Lines, SilentLines } from '../fixture/lines.ts';
import { SocketClock } from '../fixture/socket-clock.ts';

const authority = await makeAuthority('ours');
const serverTls = new TlsServerContext(await authority.sign('localhost'));
const clientTls = new TlsClientContext({ ca: authority.ca, servername: 'localhost' });
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** The server's side of a protocol with STARTTLS. */
class OffersTls implements Handler {
  readonly before: readonly string[];
  upgraded: WriteFuture | undefined = undefined;

  constructor(before: readonly string[] = ['220 go ahead']) {
    this.before = before;
  }

  channelRead(ctx: Context, line: string): void {
    if (line !== 'STARTTLS') {
      ctx.fireChannelRead(line);
      return;
    }
    for (const reply of this.before) ctx.write(reply);
    this.upgraded = upgradeToTls(ctx, serverTls);
    ctx.writeAndFlush('written after');
  }
}

/** The client's side. */
class AsksForTls implements Handler {
  upgraded: WriteFuture | undefined = undefined;

  channelActive(ctx: Context): void {
    ctx.writeAndFlush('STARTTLS');
  }

  channelRead(ctx: Context, line: string): void {
    if (line !== '220 go ahead' || this.upgraded !== undefined) {
      ctx.fireChannelRead(line);
      return;
    }
    this.upgraded = upgradeToTls(ctx, clientTls);
    ctx.writeAndFlush('secret');
  }
}

interface Side {
  readonly inbox: Inbox;
  readonly offers: OffersTls;
}

async function serve(
  offers: OffersTls = new OffersTls(),
  lines: Lines = new Lines(),
  options: ChannelOptions = {},
): Promise<Side & { readonly server: Server; readonly port: number }> {
  const inbox = new Inbox();
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger, maxOutboundBytes: 64 * 1024 * 1024, ...options })
    .childHandler((channel) => void channel.pipeline.addLast(lines, offers, inbox))
    .bind({ port: 0, host: '127.0.0.1' });
  open.push(server);
  return { server, port: server.port, inbox, offers };
}

async function dial(port: number, asks: Handler, inbox: Inbox): Promise<Channel> {
  const channel = await new Bootstrap()
    .options({ logger: silentLogger })
    .handler((one) => void one.pipeline.addLast(new Lines(), asks, inbox))
    .connect({ port, host: '127.0.0.1' });
  open.push(channel);
  return channel as Channel;
}

/** A peer that sees the bytes as they are. */
function plainPeer(port: number): { socket: net.Socket; text: () => string } {
  let text = '';
  const socket = net.connect(port, '127.0.0.1');
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  open.push({ close: () => socket.destroy() });
  return { socket, text: () => text };
}

describe('upgradeToTls', () => {
  it('goes on with the same pipelines, encrypted, and loses nothing', async () => {
    const { server, port, inbox, offers } = await serve();
    const asks = new AsksForTls();
    const mine = new Inbox();
    const channel = await dial(port, asks, mine);
    await mine.until(() => mine.messages.length > 0);
    await inbox.until(() => inbox.messages.length > 0);
    expect(mine.messages).toEqual(['written after']);
    expect(inbox.messages).toEqual(['secret']);
    await asks.upgraded;
    await offers.upgraded;
    expect(mine.order).toEqual(['TlsUpgradeEvent', 'TlsHandshakeEvent', 'read']);
    expect(channel.attributes.get(TLS)).toMatchObject({ isPeerVerified: true });
    expect(channel.pipeline.names()).toEqual(['Lines#0', 'AsksForTls#0', 'Inbox#0']);
    const [child] = server.connections.members();
    expect(child!.pipeline.names()).toEqual(['Lines#0', 'OffersTls#0', 'Inbox#0']);
    channel.writeAndFlush('x'.repeat(200_000));
    await inbox.until(() => inbox.messages.length > 1);
    expect(String(inbox.messages[1])).toHaveLength(200_000);
    channel.end();
    expect((await child!.closed).reason).toBe('peer');
  });

  it('sends in plain what was written before, however much, and nothing of what comes after', async () => {
    const before = Array.from({ length: 400 }, (_, i) => `${i} ${'.'.repeat(20_000)}`);
    // Time stands still: the deadline of the handshake does not come while the reader reads.
    const clock = new SocketClock();
    const { port, offers } = await serve(new OffersTls([...before, '220 go ahead']), new Lines(), {
      clock,
    });
    const { socket, text } = plainPeer(port);
    socket.pause();
    socket.write('STARTTLS\n');
    // Give the kernels time to fill, so that the upgrade has to wait for the reader.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    socket.resume();
    const all = [...before, '220 go ahead', ''].join('\n');
    while (text().length < all.length) await once(socket, 'data');
    // Compared at once: a matcher would look at each of eight million characters.
    expect(text() === all).toBe(true);
    socket.destroy();
    await expect(offers.upgraded).rejects.toMatchObject({ code: 'HR_ERR_TLS_HANDSHAKE_FAILED' });
  });

  it('refuses a message that came in plain after the request (server)', async () => {
    const { port, inbox, offers } = await serve(new OffersTls(), new SilentLines());
    const { socket } = plainPeer(port);
    socket.write('STARTTLS\nEVIL\nMORE\n');
    await expect(offersResult(offers, inbox)).rejects.toMatchObject({
      code: 'HR_ERR_TLS_PLAINTEXT',
    });
    expect(inbox.messages).toEqual([]);
    if (!socket.closed) await once(socket, 'close');
  });

  it('refuses half a message that came in plain after the request (server)', async () => {
    const { server, port, inbox, offers } = await serve();
    const { socket } = plainPeer(port);
    socket.write('STARTTLS\nEVI');
    await expect(offersResult(offers, inbox)).rejects.toMatchObject({
      code: 'HR_ERR_TLS_PLAINTEXT',
      message: expect.stringContaining('3 bytes'),
    });
    expect(inbox.errors).toHaveLength(1);
    await inbox.until(() => inbox.order.includes('inactive'));
    expect(server.connections.size).toBe(0);
  });

  it('takes what comes in plain later for a broken handshake', async () => {
    const { port, inbox, offers } = await serve();
    const { socket, text } = plainPeer(port);
    socket.write('STARTTLS\n');
    while (!text().includes('220')) await once(socket, 'data');
    socket.write('EVIL\n'.repeat(20));
    await expect(offers.upgraded).rejects.toMatchObject({ code: 'HR_ERR_TLS_HANDSHAKE_FAILED' });
    expect(inbox.messages).toEqual([]);
    await inbox.until(() => inbox.errors.length > 0);
    expect(inbox.errors[0]).toMatchObject({ code: 'HR_ERR_TLS_HANDSHAKE_FAILED' });
  });

  it('refuses what a server sent in plain after its answer (client)', async () => {
    const fake = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('220 go ahead\nEVIL\n'));
    });
    await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve));
    open.push(fake);
    const inbox = new Inbox();
    const asks = new AsksForTls();
    await dial((fake.address() as net.AddressInfo).port, asks, inbox);
    await inbox.until(() => inbox.errors.length > 0);
    await expect(asks.upgraded).rejects.toMatchObject({ code: 'HR_ERR_TLS_PLAINTEXT' });
    expect(inbox.messages).toEqual([]);
  });

  it('fails and closes when the handshake fails, or does not come', async () => {
    const hasty = new TlsServerContext({
      ...(await authority.sign('localhost')),
      handshakeTimeoutMs: 30,
    });
    const inbox = new Inbox();
    let upgraded: WriteFuture | undefined;
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((channel) => void channel.pipeline.addLast(inbox))
      .bind({ port: 0, host: '127.0.0.1' });
    open.push(server);
    server.once('connection', (child) => {
      upgraded = upgradeToTls(child, hasty);
    });
    const { socket } = plainPeer(server.port);
    await once(socket, 'close');
    await expect(upgraded).rejects.toMatchObject({ code: 'HR_ERR_TIMEOUT_HANDSHAKE' });
    expect(inbox.errors).toMatchObject([{ code: 'HR_ERR_TIMEOUT_HANDSHAKE' }]);
  });

  it('fails when the channel closes meanwhile, and leaves no timer', async () => {
    const { server, port, offers } = await serve();
    const { socket, text } = plainPeer(port);
    socket.write('STARTTLS\n');
    while (!text().includes('220')) await once(socket, 'data');
    const [child] = server.connections.members();
    child!.close();
    await expect(offers.upgraded).rejects.toThrow(/closed \(local\) before TLS/);
  });

  it('is refused twice, on a closed channel, and on one that listens', async () => {
    const { server, port } = await serve();
    const asks = new AsksForTls();
    const channel = await dial(port, asks, new Inbox());
    while (asks.upgraded === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(() => upgradeToTls(channel, clientTls)).toThrow(/changes its transport already/);
    await asks.upgraded;
    expect(() => upgradeToTls(channel, clientTls)).toThrow(/has TLS already/);
    expect(server.connections.size).toBe(1);
    expect(() => upgradeToTls(server.channel, serverTls)).toThrow(/takes no bytes/);
    await channel.close();
    expect(() => upgradeToTls(channel, clientTls)).toThrow(/cannot change to TLS/);
  });

  it('needs no socket: in memory it goes on with the same pipelines, too', async () => {
    const network = new MemoryNetwork();
    const inbox = new Inbox();
    const offers = new OffersTls();
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((one) => void one.pipeline.addLast(new Lines(), offers, inbox))
      .bind({ network, name: 'mail' });
    open.push(server);
    const asks = new AsksForTls();
    const mine = new Inbox();
    const channel = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler((one) => void one.pipeline.addLast(new Lines(), asks, mine))
      .connect({ network, name: 'mail' });
    await mine.until(() => mine.messages.length > 0);
    await inbox.until(() => inbox.messages.length > 0);
    expect([mine.messages, inbox.messages]).toEqual([['written after'], ['secret']]);
    expect(channel.attributes.get(TLS)).toMatchObject({ isPeerVerified: true });
    const [child] = server.connections.members();
    channel.end();
    expect((await child!.closed).reason).toBe('peer');
  });
});

async function offersResult(offers: OffersTls, inbox: Inbox): Promise<void> {
  await inbox.until(() => inbox.errors.length > 0);
  await offers.upgraded;
}
