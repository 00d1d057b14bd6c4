import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import {
  type BindOptions,
  Bootstrap,
  type Channel,
  type ConnectPlace,
  type Context,
  type LogLevel,
  PEER_CERTIFICATE,
  type Server,
  ServerBootstrap,
  silentLogger,
  TLS,
  type TlsClientOptions,
  TlsHandshakeEvent,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { tlsName } from '../../src/transport/tls/tls-identity.ts';
import type { TlsServerOptions } from '../../src/transport/tls/tls-server-context.ts';
import { makeAuthority } from '../fixture/certificates.ts';
import { Inbox } from '../fixture/inbox.ts';
import { localPath } from '../fixture/local-path.ts';

const authority = await makeAuthority('ours');
const stranger = await makeAuthority('somebody');
const own = await authority.sign('localhost', '127.0.0.1');
const { ca } = authority;
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

interface Started {
  readonly server: Server;
  readonly inboxes: Inbox[];
  readonly lines: string[];
}

async function start(tls: TlsServerOptions, options: Partial<BindOptions> = {}): Promise<Started> {
  const inboxes: Inbox[] = [];
  const lines: string[] = [];
  const log = (level: LogLevel, text: string): void => {
    if (level !== 'debug') lines.push(`${level} ${text}`);
  };
  const logger = { log };
  const server = await new ServerBootstrap()
    .childOptions({ logger })
    .childHandler((channel) => {
      inboxes.push(new Inbox());
      channel.pipeline.addLast(inboxes.at(-1)!);
    })
    .bind({ port: 0, host: '127.0.0.1', ...options, tls } as BindOptions);
  open.push(server);
  return { server, inboxes, lines };
}

async function connect(
  server: Server,
  tls: TlsClientOptions,
  inbox: Inbox = new Inbox(),
): Promise<Channel> {
  const channel = await new Bootstrap()
    .options({ logger: silentLogger })
    .handler((one) => void one.pipeline.addLast(inbox))
    .connect({ host: '127.0.0.1', port: server.port, tls });
  open.push(channel);
  return channel;
}

const failed = (server: Server): Promise<Error> =>
  new Promise((resolve) => server.once('tlsFailed', (_channel, error) => resolve(error)));

describe('TLS', () => {
  it('is active after the handshake, then reports what was agreed on', async () => {
    const { server, inboxes } = await start({ ...own, alpn: ['chat/2', 'chat/1'] });
    const inbox = new Inbox();
    const channel = await connect(server, { ca, servername: 'localhost', alpn: ['chat/1'] }, inbox);
    await inboxes[0]!.until(() => inboxes[0]!.events.length > 0);
    for (const one of [inbox, inboxes[0]!]) {
      expect(one.order).toEqual(['active', 'TlsHandshakeEvent']);
      expect(one.events[0]).toBeInstanceOf(TlsHandshakeEvent);
      expect(one.events[0]).toMatchObject({ protocol: 'TLSv1.3', alpn: 'chat/1' });
    }
    expect(inboxes[0]!.events[0]).toMatchObject({ servername: 'localhost', isPeerVerified: false });
    expect(inbox.events[0]).toMatchObject({ isPeerVerified: true, isResumed: false });
    expect(channel.attributes.get(PEER_CERTIFICATE)?.subject).toContain('localhost');
    expect(channel.pipeline.names()).toEqual(['Inbox#0']);
  });

  it('has its attributes before any handler is active', async () => {
    const { server } = await start(own);
    const seen: unknown[] = [];
    class Early extends Inbox {
      override channelActive(ctx: Context): void {
        seen.push(ctx.channel.attributes.get(TLS)?.protocol);
        super.channelActive(ctx);
      }
    }
    await connect(server, { ca }, new Early());
    expect(seen).toEqual(['TLSv1.3']);
  });

  it('shows the certificate of the name asked for, of a wildcard, or its own', async () => {
    const other = await authority.sign('chat.example.com');
    const wild = await authority.sign('*.example.org');
    const { server } = await start({
      ...own,
      names: { 'chat.example.com': other, '*.example.org': wild },
    });
    const subjects = ['chat.example.com', 'a.example.org', 'localhost'].map(async (servername) => {
      const channel = await connect(server, { ca, servername });
      return channel.attributes.get(PEER_CERTIFICATE)?.subjectAltName;
    });
    expect(await Promise.all(subjects)).toEqual([
      'DNS:chat.example.com',
      'DNS:*.example.org',
      'DNS:localhost, IP Address:127.0.0.1',
    ]);
  });

  it('knows an international name, and an absolute one, as their ASCII without the last dot', async () => {
    const other = await authority.sign('xn--bcher-kva.example');
    const { server, inboxes } = await start({ ...own, names: { 'Bücher.Example.': other } });
    const sent = ['bücher.example', 'BÜCHER.example.', 'xn--bcher-kva.example.'];
    for (const servername of sent) await connect(server, { ca, servername });
    const names = () => inboxes.map(({ events }) => (events[0] as TlsHandshakeEvent)?.servername);
    await expect.poll(names).toEqual(sent.map(() => 'xn--bcher-kva.example'));
    // Browsers send the dot.
    const browser = tls.connect({
      host: '127.0.0.1',
      port: server.port,
      ca,
      servername: 'xn--bcher-kva.example.',
    });
    open.push({ close: () => browser.destroy() });
    await once(browser, 'secureConnect');
    expect(browser.getPeerCertificate().subjectaltname).toBe('DNS:xn--bcher-kva.example');
  });

  it('takes no certificate of localhost for the name of the root', async () => {
    const { server } = await start(own);
    await expect(connect(server, { ca, servername: '.' })).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
    });
  });

  it('cuts no name to another one', () => {
    for (const name of ['ｌocalhost/.example', 'localhost#ü', 'ü@localhost', 'localhost?ü']) {
      expect(tlsName(name)).toBe(name);
    }
  });

  it('refuses a name that it has no certificate for', async () => {
    const { server } = await start({ names: { 'chat.example.com': own } });
    const failure = failed(server);
    await expect(connect(server, { ca, servername: 'other.example.com' })).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
    });
    expect((await failure).message).toContain('no certificate for the server name');
  });

  it('refuses a client that shares no protocol', async () => {
    const { server } = await start({ ...own, alpn: ['chat/2'] });
    const failure = failed(server);
    await expect(connect(server, { ca, alpn: ['mail/1'] })).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
      message: expect.stringContaining('share no ALPN protocol'),
    });
    expect((await failure).message).toContain('share no ALPN protocol');
  });

  it('lets a client in by its certificate, which is its principal', async () => {
    const { server, inboxes } = await start({ ...own, ca, clientCertificate: 'require' });
    const ann = await authority.sign('ann');
    await connect(server, { ca, ...ann });
    await inboxes[0]!.until(() => inboxes[0]!.order.includes('active'));
    const [child] = server.connections.members();
    expect(child!.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=ann');
  });

  it('refuses clients without a certificate or with one of a stranger, in one line each', async () => {
    const { server, lines, inboxes } = await start({ ...own, ca, clientCertificate: 'require' });
    const errors = [failed(server)];
    await connect(server, { ca }).catch(() => {});
    await errors[0];
    errors.push(failed(server));
    await connect(server, { ca, ...(await stranger.sign('eve')) }).catch(() => {});
    const [none, wrong] = await Promise.all(errors);
    expect(none!.message).toContain('the peer showed no certificate');
    expect(wrong!.message).toContain("the peer's certificate is refused");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^warn \[id: 0x.{8}, .*the TLS handshake with 127\.0\.0\.1:\d+ failed/,
    );
    expect(server.tlsFailures).toBe(2);
    expect(inboxes.flatMap((inbox) => inbox.order)).toEqual([]);
    await connect(server, { ca, ...(await authority.sign('bob')) });
  });

  it('closes a refused certificate with its TLS error, not as a reset', async () => {
    const { server } = await start({ ...own, ca, clientCertificate: 'require' });
    const closed = new Promise<Channel>((resolve) => server.once('tlsFailed', resolve));
    await connect(server, { ca, ...(await stranger.sign('eve')) }).catch(() => {});
    const { closeInfo } = await closed;
    expect(closeInfo).toMatchObject({
      reason: 'error',
      error: {
        code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
        details: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      },
    });
  });

  it('a refused client reads one line without the internals of OpenSSL', async () => {
    const old = await start({ ...own, minVersion: 'TLSv1.3' });
    const refused = connect(old.server, { ca, maxVersion: 'TLSv1.2' });
    await expect(refused).rejects.toThrow(
      /^the TLS handshake with 127\.0\.0\.1:\d+ failed: the two sides share no version of TLS \(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\)$/,
    );
    // With TLS 1.3 the refusal comes when the client is active already.
    const { server } = await start({ ...own, ca, clientCertificate: 'require' });
    const inbox = new Inbox();
    await connect(server, { ca }, inbox);
    await inbox.until(() => inbox.errors.length > 0);
    expect(inbox.errors[0]!.message).toBe(
      'the transport failed (the peer wants a certificate of ours (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED))',
    );
  });

  it('a server name cannot forge a line of the log', async () => {
    const { server, lines } = await start({ names: { 'chat.example.com': own } });
    const failure = failed(server);
    const name = 'x\n2026 error FAKE \u2028\u202e\u0085 "';
    await connect(server, { ca, servername: name }).catch(() => {});
    expect((await failure).message).toContain(
      'no certificate for the server name "x\\n2026 error FAKE',
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
  });

  describe.each(['TLSv1.3', 'TLSv1.2'] as const)('resumes a session of %s', (version) => {
    const client = authority.sign('sensor-7');
    const another = stranger.sign('b.test');

    /** Connects as a client of Node, because ours does not resume, and writes once. */
    async function visit(
      { port }: Server,
      servername: string,
      given: tls.ConnectionOptions,
    ): Promise<{ session: Buffer | undefined; isReused: boolean } | undefined> {
      const socket = tls.connect({
        ...{ port, host: '127.0.0.1', servername, rejectUnauthorized: false },
        ...{ minVersion: version, maxVersion: version, ...given },
      });
      let session: Buffer | undefined;
      socket.on('session', (issued) => {
        session = issued;
      });
      socket.on('error', () => {});
      socket.once('secureConnect', () => socket.write('hi'));
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once('data', () => resolve(true)).once('close', () => resolve(false));
      });
      const isReused = isOpen && socket.isSessionReused();
      socket.destroy();
      return isOpen ? { session, isReused } : undefined;
    }

    async function startEcho(given: TlsServerOptions): Promise<Server> {
      const server = await new ServerBootstrap()
        .childOptions({ logger: silentLogger })
        .childHandler(({ pipeline }) => {
          pipeline.addLast({ channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes) });
        })
        .bind({ port: 0, host: '127.0.0.1', tls: given });
      open.push(server);
      return server;
    }

    it('for every name, if all names trust the same authority', async () => {
      const names = { 'b.test': await authority.sign('b.test') };
      const server = await startEcho({ ...own, ca, clientCertificate: 'require', names });
      const { cert, key } = await client;
      // Newer versions of Node resume no session under another name.
      for (const name of ['localhost', 'b.test']) {
        const first = await visit(server, name, { cert, key });
        const again = await visit(server, name, { session: first?.session });
        expect([first?.isReused, again?.isReused]).toEqual([false, true]);
      }
    });

    it.each(['require', 'request'] as const)(
      'for no name, if names trust different authorities: %s',
      async (clientCertificate) => {
        const names = { 'b.test': { ...(await another), ca: stranger.ca } };
        const server = await startEcho({ ...own, ca, clientCertificate, names });
        const { cert, key } = await client;
        const first = await visit(server, 'localhost', { cert, key });
        expect(first?.isReused).toBe(false);
        const given = first?.session && { session: first.session };
        const elsewhere = await visit(server, 'b.test', { cert, key, ...given });
        expect(elsewhere?.isReused).toBe(clientCertificate === 'require' ? undefined : false);
      },
    );
  });

  /** Returns the types of the TLS records that each end sends to the other, where `act` is called with both ends. */
  async function recordsOf(
    act: (client: Channel, server: Channel) => unknown,
  ): Promise<Record<'client' | 'server', number[]>> {
    const { server } = await start({ ...own, maxVersion: 'TLSv1.2' });
    const accepted = new Promise<Channel>((resolve) => server.once('connection', resolve));
    const sent = { client: Buffer.alloc(0), server: Buffer.alloc(0) };
    const ends: Promise<unknown>[] = [];
    const relay = net.createServer({ allowHalfOpen: true }, (near) => {
      const far = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      for (const [from, to, name] of [
        [near, far, 'client'],
        [far, near, 'server'],
      ] as const) {
        ends.push(new Promise((resolve) => from.once('close', resolve)));
        from.on('error', () => to.destroy()).pipe(to);
        from.on('data', (bytes) => {
          sent[name] = Buffer.concat([sent[name], bytes]);
        });
      }
    });
    await once(relay.listen(0, '127.0.0.1'), 'listening');
    open.push(relay);
    const client = await connect({ port: (relay.address() as net.AddressInfo).port } as Server, {
      ca,
    });
    const peer = await accepted;
    await client.writeAndFlush(Buffer.from('hello'));
    await act(client, peer);
    await Promise.all(ends);
    return { client: typesIn(sent.client), server: typesIn(sent.server) };
  }

  function typesIn(bytes: Buffer): number[] {
    const types: number[] = [];
    for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
      types.push(bytes[at]!);
    return types;
  }

  const ALERT = 21;

  it.each<[string, (client: Channel, server: Channel) => unknown, 'client' | 'server']>([
    ['close() of a server', (_, server) => server.close(), 'server'],
    ['close() of a client', (client) => client.close(), 'client'],
    ['end() of a server', (_, server) => server.end(), 'server'],
  ])('tells the peer that nothing was cut: %s', async (_what, act, end) => {
    const records = await recordsOf(act);
    expect(records[end].at(-1)).toBe(ALERT);
  });

  it('does not tell the peer that nothing was cut after an abort', async () => {
    const { server } = await recordsOf((_client, peer) => peer.abort());
    expect(server).not.toContain(ALERT);
  });

  it('keeps a certificate that it only asked for from being a principal', async () => {
    const { server, inboxes } = await start({ ...own, ca, clientCertificate: 'request' });
    await connect(server, { ca, ...(await stranger.sign('eve')) });
    await inboxes[0]!.until(() => inboxes[0]!.events.length > 0);
    const [child] = server.connections.members();
    expect(child!.attributes.get(TLS)).toMatchObject({ isPeerVerified: false });
    expect(child!.attributes.get(TLS)?.peerCertificate?.subject).toBe('CN=eve');
    expect(child!.attributes.has(PEER_CERTIFICATE)).toBe(false);
  });

  it('gives up on a client that does not shake hands, after ten seconds', async () => {
    const clock = new VirtualClock();
    const server = await bindOn(clock, own);
    const silent = net.connect(server.port, '127.0.0.1');
    await new Promise((resolve) => server.once('connection', resolve));
    const failure = failed(server);
    clock.advance(9_999);
    expect(server.connections.size).toBe(1);
    clock.advance(1);
    expect(await failure).toMatchObject({ code: 'HR_ERR_TIMEOUT_HANDSHAKE' });
    await once(silent, 'close');
    expect(clock.pendingTimers).toBe(0);
  });

  it('says so when the peer speaks HTTP, and goes on', async () => {
    const { server } = await start(own);
    const failure = failed(server);
    net.connect(server.port, '127.0.0.1').end('GET / HTTP/1.1\r\n\r\n').resume();
    expect((await failure).message).toContain('the peer speaks HTTP without TLS');
    await connect(server, { ca });
  });

  it('fails when the peer leaves in the middle of the handshake', async () => {
    const { server } = await start(own);
    const failure = failed(server);
    const leaver = net.connect(server.port, '127.0.0.1', () =>
      leaver.write(Buffer.from([22, 3, 1])),
    );
    await new Promise((resolve) => server.once('connection', resolve));
    leaver.destroy();
    expect((await failure).message).toContain('the peer ended the connection');
  });

  it('refuses a server that it cannot trust, with nothing left', async () => {
    const { server } = await start(own);
    const inbox = new Inbox();
    await expect(connect(server, {}, inbox)).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
      details: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
    await expect(connect(server, { ca, servername: 'other.example.com' })).rejects.toMatchObject({
      details: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    expect(inbox.order).toEqual([]);
    await connect(server, { rejectUnauthorized: false });
  });

  it('gives up on a server that does not answer', async () => {
    const deaf = net
      .createServer((socket) => void socket.on('error', () => {}))
      .listen(0, '127.0.0.1');
    await once(deaf, 'listening');
    const { port } = deaf.address() as net.AddressInfo;
    const target: ConnectPlace = { port, host: '127.0.0.1', tls: { ca, handshakeTimeoutMs: 20 } };
    const bootstrap = new Bootstrap().handler(() => {});
    await expect(bootstrap.connect(target)).rejects.toMatchObject({
      code: 'HR_ERR_TIMEOUT_HANDSHAKE',
    });
    const signal = AbortSignal.timeout(20);
    const slow = { port, host: '127.0.0.1', tls: { ca } };
    await expect(bootstrap.connect(slow, { signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    deaf.close();
  });

  it('takes new certificates for new connections, and keeps the open ones', async () => {
    const { server, inboxes } = await start(own);
    const before = await connect(server, { ca });
    const fresh = await stranger.sign('127.0.0.1');
    server.reloadTls(fresh);
    await expect(connect(server, { ca })).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
    });
    await connect(server, { ca: stranger.ca });
    expect(() => server.reloadTls({ cert: own.cert })).toThrow(/not usable/);
    await connect(server, { ca: stranger.ca });
    await before.writeAndFlush(Buffer.from('still here'));
    await inboxes[0]!.until(() => inboxes[0]!.messages.length > 0);
    expect(String(inboxes[0]!.messages[0])).toBe('still here');
  });

  it('lets a limit refuse a connection before the handshake is paid for', async () => {
    const server = await new ServerBootstrap()
      .handler((self) => void self.pipeline.addLast(new RefuseAll()))
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1', tls: own });
    open.push(server);
    await expect(connect(server, { ca })).rejects.toMatchObject({
      code: 'HR_ERR_TLS_HANDSHAKE_FAILED',
    });
    expect([server.tlsFailures, server.connections.size]).toEqual([0, 0]);
  });

  it('works on a path, when the name is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hr-'));
    const path = localPath(folder, 'tls');
    const server = await new ServerBootstrap().childHandler(() => {}).bind({ path, tls: own });
    const bootstrap = new Bootstrap().handler(() => {});
    await expect(bootstrap.connect({ path, tls: { ca } })).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_CONFLICT',
    });
    const channel = await bootstrap.connect({ path, tls: { ca, servername: 'localhost' } });
    expect(channel.attributes.get(TLS)?.isPeerVerified).toBe(true);
    await channel.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('closes a connection in the middle of its handshake at a shutdown', async () => {
    const { server } = await start(own);
    const silent = net.connect(server.port, '127.0.0.1');
    await new Promise((resolve) => server.once('connection', resolve));
    await server.shutdown({ drainTimeoutMs: 60_000 });
    if (!silent.closed) await once(silent, 'close');
    expect(server.tlsFailures).toBe(0);
  });
});

describe('TLS options', () => {
  const lockedKey = createPrivateKey(String(own.key)).export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'a' },
  });
  const cases: readonly [why: string, tls: object, message: RegExp][] = [
    ['no certificate', {}, /tls has no certificate/],
    ['a certificate without its key', { cert: own.cert }, /tls\.key is missing beside tls\.cert/],
    ['what is no certificate', { ...own, cert: own.key }, /tls: the certificate, key/],
    [
      'client certificates without an authority',
      { ...own, clientCertificate: 'require' },
      /without tls\.ca/,
    ],
    ['a policy that does not exist', { ...own, clientCertificate: true }, /but must be false/],
    ['a protocol without a name', { ...own, alpn: [''] }, /1 to 255 bytes/],
    ['a time that makes no sense', { ...own, handshakeTimeoutMs: -1 }, /handshakeTimeoutMs is -1/],
    ['a name without a certificate', { names: { a: {} } }, /tls\.names\["a"\] has no certificate/],
    ['a version that does not exist', { ...own, minVersion: 'TLSv9' }, /not usable/],
    ['what is no archive of keys', { pfx: Buffer.from('own.pfx') }, /not usable/],
    [
      'a wrong passphrase',
      { cert: own.cert, key: lockedKey, passphrase: 'b' },
      /not usable.*decrypt/,
    ],
    ['ciphers that do not exist', { ...own, ciphers: 'none' }, /not usable.*no cipher match/],
    ['a curve that does not exist', { ...own, ecdhCurve: 'none' }, /not usable.*ECDH curve/],
    ['signatures that do not exist', { ...own, sigalgs: 'none' }, /not usable/],
    [
      'a path as cert',
      { ...own, cert: 'own.pem' },
      /^tls\.cert has no "-----BEGIN": .* not its path/,
    ],
    ['a path as key', { ...own, key: Buffer.from('own.pem') }, /^tls\.key has no "-----BEGIN"/],
    ['a path as ca', { ...own, ca: [own.cert, 'ca.pem'] }, /^tls\.ca has no "-----BEGIN"/],
    ['a path as crl', { ...own, crl: 'crl.pem' }, /^tls\.crl has no "-----BEGIN"/],
    [
      'a path in names',
      { ...own, names: { a: { cert: own.cert, key: 'a.pem' } } },
      /^tls\.names\["a"\]\.key has no "-----BEGIN"/,
    ],
  ];
  for (const [why, tls, message] of cases) {
    it(`refuse ${why} before a socket exists`, async () => {
      const bound = new ServerBootstrap()
        .childHandler(() => {})
        .bind({ port: 0, host: '127.0.0.1', tls });
      await expect(bound).rejects.toMatchObject({ name: 'OptionError' });
      await expect(bound).rejects.toThrow(message);
    });
  }

  it('take a certificate as bytes of any kind', async () => {
    const [cert, key] = [own.cert, own.key].map((text) => new TextEncoder().encode(String(text)));
    const server = await new ServerBootstrap()
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1', tls: { cert, key } as never });
    open.push(server);
    expect(server.port).toBeGreaterThan(0);
  });

  it('refuse reloadTls on a server without TLS', async () => {
    const server = await new ServerBootstrap()
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1' });
    open.push(server);
    expect(() => server.reloadTls(own)).toThrow(/was bound without tls/);
  });
});

function bindOn(clock: VirtualClock, tls: TlsServerOptions): Promise<Server> {
  return new ServerBootstrap()
    .childOptions({ clock, logger: silentLogger })
    .childHandler(() => {})
    .bind({ port: 0, host: '127.0.0.1', tls })
    .then((server) => {
      open.push({ close: () => Promise.all([server.close(), clock.runTasks()]) });
      return server;
    });
}

class RefuseAll {
  channelRead(_ctx: Context, child: Channel): void {
    child.close('refused');
  }
}
