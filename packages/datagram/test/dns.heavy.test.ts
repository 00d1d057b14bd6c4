import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { lengthPrefixed } from '@headrace/codec';
import {
  DnsCodec,
  DnsDatagramCodec,
  type DnsMessage,
  type DnsPacket,
  dnsAnswer,
} from '@headrace/codec/dns';
import { Bootstrap, type Channel, handler, ServerBootstrap, silentLogger } from '@headrace/core';
import { DatagramBootstrap } from '@headrace/datagram';
import { afterEach, describe, expect, it } from 'vitest';
import { Inbox } from '../../core/test/fixture/inbox.ts';

const isThere = (program: string): boolean => spawnSync(program, ['-v']).error === undefined;
const HAS_DNSMASQ = isThere('dnsmasq');
const HAS_DIG = isThere('dig');
const HOST = '127.0.0.1';
/** RD of the header. */
const RECURSION_DESIRED = 0x100;
const RECORDS = 60;

const frames = () => lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 });
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe.skipIf(!HAS_DNSMASQ)('a resolver (Debian: dnsmasq-base)', () => {
  /** Answers from its own records alone. */
  async function resolver(): Promise<number> {
    const port = await freePort();
    const own = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
      '--user=',
      '--pid-file=',
      `--listen-address=${HOST}`,
      `--port=${port}`,
      '--address=/example.test/192.0.2.1',
      '--address=/example.test/2001:db8::1',
      '--mx-host=mail.test,mx.mail.test,10',
      '--srv-host=_chat._tcp.test,chat.test,7000,1,2',
      '--cname=alias.test,host.test',
      '--host-record=host.test,192.0.2.9',
      ...Array.from({ length: RECORDS }, (_, i) => `--txt-record=long.test,number ${i}`),
    ];
    const child = spawn('dnsmasq', own, { stdio: ['ignore', 'ignore', 'pipe'] });
    open.push({ close: () => end(child) });
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.on('exit', (code) => {
      if (code !== null && code !== 0) throw new Error(`dnsmasq: ${errors}`);
    });
    return port;
  }

  async function asker(
    channel: Promise<Channel<unknown, DnsPacket>>,
    inbox: Inbox,
  ): Promise<(name: string, type: string) => Promise<DnsMessage>> {
    const client = await channel;
    open.push(client);
    let id = 0;
    return async (name, type) => {
      id += 1;
      const own = id;
      const found = () => (inbox.messages as DnsMessage[]).find((one) => one.id === own);
      const questions = [{ name, type }] as DnsPacket['questions'];
      const flags = RECURSION_DESIRED;
      // A resolver that has just been started may not listen yet.
      while (found() === undefined) {
        await client.writeAndFlush({ id: own, questions, flags });
        await Promise.race([
          inbox.until(() => found() !== undefined),
          new Promise((resolve) => setTimeout(resolve, 500)),
        ]);
      }
      return found()!;
    };
  }

  const overUdp = (port: number): Promise<(name: string, type: string) => Promise<DnsMessage>> => {
    const inbox = new Inbox();
    inbox.exceptionCaught = () => {};
    const client = new DatagramBootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => channel.pipeline.addLast(new DnsDatagramCodec(), inbox))
      .connect({ host: HOST, port });
    return asker(client as Promise<Channel<unknown, DnsPacket>>, inbox);
  };
  const overTcp = (port: number): Promise<(name: string, type: string) => Promise<DnsMessage>> => {
    const inbox = new Inbox();
    const client = new Bootstrap()
      .handler((channel) => channel.pipeline.addLast(...frames(), new DnsCodec(), inbox))
      .connect({ host: HOST, port });
    return asker(client as Promise<Channel<unknown, DnsPacket>>, inbox);
  };

  it('answers over UDP and over TCP; what is too long for a datagram, over TCP', async () => {
    const port = await resolver();
    const udp = await overUdp(port);
    await udp('example.test', 'A');
    for (const ask of [udp, await overTcp(port)]) {
      const data = async (name: string, type: string): Promise<unknown[]> => {
        const { answers } = await ask(name, type);
        return answers.map((record) => ('data' in record ? record.data : undefined));
      };
      expect(await data('example.test', 'A')).toEqual(['192.0.2.1']);
      expect(await data('example.test', 'AAAA')).toEqual(['2001:db8::1']);
      expect(await data('mail.test', 'MX')).toEqual([{ exchange: 'mx.mail.test', preference: 10 }]);
      expect(await data('_chat._tcp.test', 'SRV')).toEqual([
        { target: 'chat.test', port: 7000, priority: 1, weight: 2 },
      ]);
      expect(await data('alias.test', 'A')).toEqual(['host.test', '192.0.2.9']);
      expect(await ask('nobody.invalid', 'A')).toMatchObject({ rcode: 'REFUSED', answers: [] });
    }
    expect(await udp('long.test', 'TXT')).toMatchObject({ flag_tc: true });
    const whole = await (await overTcp(port))('long.test', 'TXT');
    expect([whole.flag_tc, whole.answers.length]).toEqual([false, RECORDS]);
  });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe.skipIf(!HAS_DIG)('dig (Debian: bind9-dnsutils)', () => {
  const zone = handler<{ reads: DnsMessage; passesOn: never; writes: DnsPacket }>({
    sharable: true,
    channelRead(ctx, query) {
      const [question] = query.questions;
      const name = question?.name ?? '.';
      const answers =
        name === 'long.test'
          ? Array.from({ length: RECORDS }, (_, i) => ({ name, type: 'TXT', data: `number ${i}` }))
          : [{ name, type: 'A', ttl: 60, data: '192.0.2.1' }];
      const parts = name.endsWith('.test') ? { answers } : { rcode: 'NXDOMAIN' };
      void ctx.writeAndFlush(dnsAnswer(query, parts as Parameters<typeof dnsAnswer>[1]));
    },
  });

  async function server(): Promise<number> {
    const tcp = await new ServerBootstrap()
      .childHandler(({ pipeline }) => pipeline.addLast(...frames(), new DnsCodec(), zone))
      .bind({ port: 0, host: HOST });
    open.push(tcp);
    const udp = await new DatagramBootstrap()
      .options({ logger: silentLogger })
      .handler(({ pipeline }) => pipeline.addLast(new DnsDatagramCodec(), zone))
      .bind({ port: tcp.port, host: HOST });
    open.push(udp);
    return tcp.port;
  }

  function dig(port: number, ...args: string[]): Promise<string> {
    const own = [`@${HOST}`, '-p', String(port), '+time=10', '+tries=1', ...args];
    const child = spawn('dig', own, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    return once(child, 'close').then(() => output);
  }

  it('gets answers over UDP and TCP, with EDNS and without, and asks again over TCP', async () => {
    const port = await server();
    for (const how of ['+notcp', '+tcp', '+noedns']) {
      const text = await dig(port, how, '+norecurse', 'a.test', 'A');
      expect(text).toContain('status: NOERROR');
      expect(text).toMatch(/a\.test\.\s+60\s+IN\s+A\s+192\.0\.2\.1/);
      expect(text).not.toMatch(/WARNING|malformed|extra bytes/i);
    }
    expect(await dig(port, 'a.invalid', 'A')).toContain('status: NXDOMAIN');
    const cut = await dig(port, '+ignore', 'long.test', 'TXT');
    expect(cut).toMatch(/flags: qr tc/);
    const whole = await dig(port, 'long.test', 'TXT');
    expect(whole).toContain('Truncated, retrying in TCP mode');
    expect(whole.match(/"number \d+"/g)?.length).toBe(RECORDS);
  });
});
