// TLS with the command line tools of OpenSSL at the other end: both ask for a certificate and check it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Bootstrap,
  type Context,
  PEER_CERTIFICATE,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Certificate, makeAuthority } from '../fixture/certificates.ts';
import { Inbox } from '../fixture/inbox.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl && process.env['CI'] === 'true') {
  throw new Error('openssl is missing: apt-get install openssl');
}
const title = hasOpenssl ? 'openssl' : 'openssl (skipped: there is no openssl here)';

const HOST = '127.0.0.1';
const authority = await makeAuthority('ours');
const [server, client] = [await authority.sign('localhost', HOST), await authority.sign('ann')];
const folder = mkdtempSync(join(tmpdir(), 'headrace-openssl-'));
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const ca = fileOf('ca.pem', authority.ca);

/** The arguments that present this certificate, and trust our authority only. */
const presenting = ({ cert, key }: Certificate): string[] => [
  ...['-cert', fileOf('cert.pem', cert), '-key', fileOf('key.pem', key)],
  ...['-CAfile', ca, '-verify_return_error'],
];

/** A process of openssl, and what it has printed. */
class Openssl {
  output = '';
  readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(...args: readonly string[]) {
    this.child = spawn('openssl', args);
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    open.push(this);
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    await expect.poll(() => this.output).toMatch(pattern);
    return pattern.exec(this.output)!;
  }

  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A server that sends the lines of its clients back in reverse, and wants a certificate of our authority. */
async function opensslServer(certificate: Certificate): Promise<number> {
  const checks = ['-Verify', '1', ...presenting(certificate)];
  const started = new Openssl('s_server', '-accept', `${HOST}:0`, '-rev', ...checks);
  const [, port] = await started.says(/^ACCEPT 127\.0\.0\.1:(\d+)$/m);
  return Number(port);
}

const connect = (port: number, inbox: Inbox) =>
  new Bootstrap()
    .options({ logger: silentLogger })
    .handler((channel) => void channel.pipeline.addLast(inbox))
    .connect({ host: HOST, port, tls: { ca: authority.ca, ...client } });

describe.runIf(hasOpenssl)(title, () => {
  it('as a client and our server know each other by their certificates, and talk', async () => {
    const heard: string[] = [];
    const ours = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((channel) =>
        channel.pipeline.addLast({
          channelRead(ctx: Context, bytes: Buffer) {
            heard.push(`${ctx.channel.attributes.get(PEER_CERTIFICATE)?.subject}: ${bytes}`);
            ctx.writeAndFlush(Buffer.from(`echo ${bytes}`));
          },
        }),
      )
      .bind({
        host: HOST,
        port: 0,
        tls: { ...server, ca: authority.ca, clientCertificate: 'require' },
      });
    open.push(ours);
    const names = ['-servername', 'localhost', '-verify_hostname', 'localhost'];
    const place = ['-connect', `${HOST}:${ours.port}`, '-quiet'];
    const peer = new Openssl('s_client', ...place, ...names, ...presenting(client));
    peer.child.stdin!.write('hello\n');
    await peer.says(/^echo hello$/m);
    expect(heard).toEqual(['CN=ann: hello\n']);
  });

  it('as a server and our client know each other by their certificates, and talk', async () => {
    const inbox = new Inbox();
    const channel = await connect(await opensslServer(server), inbox);
    open.push(channel);
    expect(channel.attributes.get(PEER_CERTIFICATE)?.subject).toBe('CN=localhost');
    channel.writeAndFlush(Buffer.from('hello\n'));
    await expect.poll(() => inbox.messages.join('')).toBe('olleh\n');
  });

  it('as a server that our client has no reason to trust is refused', async () => {
    const stranger = await (await makeAuthority('somebody')).sign('localhost', HOST);
    await expect(connect(await opensslServer(stranger), new Inbox())).rejects.toMatchObject({
      details: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
  });
});
