import dgram from 'node:dgram';
import { once } from 'node:events';
import { DnsDatagramCodec, type DnsMessage, type DnsPacket, dnsAnswer } from '@headrace/codec/dns';
import { handler, isHeadraceError, silentLogger } from '@headrace/core';
import { DatagramBootstrap, datagramCounters } from '@headrace/datagram';
import { expect, it } from 'vitest';

it('reports a datagram that is not DNS, and serves the next one', async () => {
  const errors: unknown[] = [];
  const zone = handler<{ reads: DnsMessage; passesOn: never; writes: DnsPacket }>({
    channelRead(ctx, query) {
      const answers = [{ name: 'a.test', type: 'A', data: '192.0.2.1' }] as const;
      void ctx.writeAndFlush(dnsAnswer(query, { answers }));
    },
    exceptionCaught: (_ctx, error) => void errors.push(error),
  });
  const server = await new DatagramBootstrap()
    .options({ logger: silentLogger })
    .handler(({ pipeline }) => pipeline.addLast(new DnsDatagramCodec(), zone))
    .bind({ port: 0, host: '127.0.0.1' });
  const { port } = server.localAddress as { port: number };
  const peer = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(peer, 'listening');

  const garbage = [
    Buffer.alloc(0),
    Buffer.from('<13>a line of a log'),
    Buffer.from('000701000001000000000000c00c00010001', 'hex'),
    Buffer.from('00070100ffffffffffffffff', 'hex'),
  ];
  for (const bytes of garbage) peer.send(bytes, port, '127.0.0.1');
  const query = '000701000001000000000000 0161 0474657374 00 0001 0001'.replaceAll(' ', '');
  peer.send(Buffer.from(query, 'hex'), port, '127.0.0.1');
  const [bytes] = (await once(peer, 'message')) as [Buffer];
  expect(bytes.toString('hex')).toMatch(/^0007810000010001/);
  expect(bytes.subarray(-4)).toEqual(Buffer.of(192, 0, 2, 1));

  const codes = errors.map((error) => isHeadraceError(error) && error.code);
  expect(codes).toEqual(garbage.map(() => 'HR_ERR_MESSAGE_INVALID'));
  const from = { host: '127.0.0.1', port: peer.address().port };
  for (const error of errors) expect(error).toMatchObject({ details: from });
  expect([server.isActive, datagramCounters(server).unhandled]).toEqual([true, 0]);
  peer.close();
  await server.close();
});
