import { once } from 'node:events';
import net from 'node:net';
import { Bootstrap, type Channel, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { YamuxHandler } from '@headrace/yamux';
import { expect, it } from 'vitest';
import { makeAuthority } from '../../core/test/fixture/certificates.ts';
import { SubstreamProbe } from './yamux-pair.ts';

const authority = await makeAuthority('ours');
const identity = await authority.sign('localhost', '127.0.0.1');

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** A relay that keeps what the client has sent through it. */
async function tap(port: number): Promise<{ port: number; seen: Buffer[]; close(): void }> {
  const seen: Buffer[] = [];
  const relay = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    near.on('data', (bytes) => seen.push(bytes));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port: own } = relay.address() as net.AddressInfo;
  return { port: own, seen, close: () => void relay.close() };
}

it('carries substreams of both ends over TLS, which are opened, talk, and are closed one by one', async () => {
  const accepted: Channel[] = [];
  const server = await new ServerBootstrap()
    .childHandler((connection) =>
      connection.pipeline.addLast(
        new YamuxHandler({
          role: 'server',
          childHandler: (substream) => {
            accepted.push(substream);
            substream.pipeline.addLast(new EchoHandler());
          },
        }),
      ),
    )
    .bind({ host: '127.0.0.1', port: 0, tls: identity });
  const relay = await tap(server.port as number);
  const ofClient = new YamuxHandler({
    role: 'client',
    childHandler: (substream) => void substream.pipeline.addLast(new EchoHandler()),
  });
  const connection = await new Bootstrap()
    .handler((channel) => channel.pipeline.addLast(ofClient))
    .connect({ host: '127.0.0.1', port: relay.port, tls: { ca: authority.ca } });
  await until(() => server.connections.size === 1);
  const [child] = server.connections;
  const ofServer = (child as Channel).pipeline.get(YamuxHandler)!;

  const open = async (from: YamuxHandler) => {
    const probe = new SubstreamProbe();
    const substream = await from.open((one) => void one.pipeline.addLast(probe));
    return { substream, probe };
  };
  const talk = async ({ substream, probe }: Awaited<ReturnType<typeof open>>, text: string) => {
    const before = probe.bytes;
    await substream.writeAndFlush(Buffer.from(text));
    await until(() => probe.bytes === before + text.length);
    expect(probe.text.endsWith(text)).toBe(true);
  };
  const open5 = [ofClient, ofServer, ofClient, ofServer, ofClient];
  const all: Awaited<ReturnType<typeof open>>[] = [];
  for (const from of open5) {
    all.push(await open(from));
    // One that was opened later disturbs no other.
    for (const [index, one] of all.entries())
      await talk(one, `secret ${index} ${'x'.repeat(50_000)}`);
  }
  for (let one = all.shift(); one !== undefined; one = all.shift()) {
    one.substream.end();
    await (one.substream as Channel).closed;
    expect(one.probe.events.at(-1)).toMatch(/^inactive/);
    for (const other of all) await talk(other, 'secret, still here');
  }
  await until(() => accepted.every((substream) => !substream.isOpen));
  expect([connection.isActive, child!.isActive]).toEqual([true, true]);
  await talk(await open(ofClient), 'secret, a new one');
  // It was TLS: nothing of it can be read on the way.
  expect(Buffer.concat(relay.seen).includes('secret')).toBe(false);
  expect(Buffer.concat(relay.seen).length).toBeGreaterThan(500_000);
  await connection.close();
  await server.close();
  relay.close();
});
