// Bytes as messages: each call that carries a message carries them as they are.

import { commandsOf } from '@headrace/cluster/authoring';
import { isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { connectionsOf, Gateway, Worker } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { Nodes, sent } from '../../../cluster/test/nodes.ts';
import { world } from './remote-world.ts';

/** No UTF-8, and a text that looks like base64. */
const BYTES = Buffer.from([0, 0xff, 0xfe, 0x80, 0x0a, 0x22]);
const TEXT = BYTES.toString('base64');

describe('bytes', () => {
  it('reach a connection, a user, a group and all as one Buffer, beside a text', async () => {
    const { channels, ids, given, of, fronts } = await world();
    const [connection = '', other = ''] = ids;
    await given(of.bind({ connection }, 'ann'));
    await given(of.join({ all: true }, 'room'));
    const from = connectionsOf(fronts[0]!);
    expect(await given(of.send({ connection }, BYTES))).toBe(1);
    expect(await given(of.send({ user: 'ann' }, new Uint8Array(BYTES)))).toBe(1);
    expect(await given(of.send({ group: 'room' }, BYTES.subarray(1, 3), [other]))).toBe(1);
    expect(await given(from.publish({ all: true }, BYTES))).toEqual({ connections: 2, nodes: 2 });
    expect(await given(of.send({ all: true }, new Uint8Array(0)))).toBe(2);
    expect(await given(of.send({ all: true }, TEXT))).toBe(2);
    const empty = Buffer.alloc(0);
    expect(channels.map(sent)).toEqual([
      [BYTES, BYTES, BYTES.subarray(1, 3), BYTES, empty, TEXT],
      [BYTES, empty, TEXT],
    ]);
  });

  it('are a last message', async () => {
    const { nodes, channels, given, of } = await world();
    expect(await given(of.close({ all: true }, BYTES))).toBe(2);
    expect(channels.map(sent)).toEqual([[BYTES], [BYTES]]);
    await nodes.pass(5000);
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([false, false]);
  });

  it('are copied when they are sent, and at the node of the connection, too', async () => {
    const { channels, given, fronts } = await world();
    const own = Buffer.from(BYTES);
    const sending = connectionsOf(fronts[0]!).send({ all: true }, own);
    own.fill(0);
    expect(await given(sending)).toBe(2);
    expect(channels.map(sent)).toEqual([[BYTES], [BYTES]]);
  });

  it('are refused above the limit of the bus, and inside an object', async () => {
    const { of } = await world();
    const tooLong = await of.send({ all: true }, Buffer.alloc(2 ** 20)).catch((error) => error);
    expect(isHeadraceError(tooLong, 'MESSAGE_TOO_LONG')).toBe(true);
    for (const wrong of [
      { a: BYTES },
      [BYTES],
      new ArrayBuffer(2),
      new DataView(new ArrayBuffer(2)),
    ]) {
      const error = await of.close({ all: true }, wrong as never).catch((thrown) => thrown);
      expect([error.code, error.message]).toEqual([
        'HR_ERR_MESSAGE_NOT_ENCODABLE',
        expect.stringContaining('bytes are a message of their own'),
      ]);
    }
  });

  it('are refused by a gateway that does not know them, and not written as their text', async () => {
    const { back, channels, given } = await world();
    const command = { op: 'other-bytes', message: TEXT, all: true };
    const { answers } = await given(commandsOf(back).send(undefined, command, 2000));
    expect([...answers.values()].map(({ failure }) => failure?.text)).toEqual([
      'connections have no command other-bytes',
      'connections have no command other-bytes',
    ]);
    expect(channels.map(sent)).toEqual([[], []]);
  });

  it('go to a worker and come from it', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join();
    const back = await nodes.join({ roles: ['worker'] });
    new Worker<Buffer>({
      cluster: back,
      onMessage: (connection, bytes) => void connection.write(bytes.subarray(1)),
    });
    const gateway = new Gateway<Buffer>({ cluster, delivery: 'acknowledged' });
    await nodes.pass(3000);
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    channel.writeInbound(BYTES);
    await nodes.pass(50);
    expect(sent(channel)).toEqual([BYTES.subarray(1)]);
  });
});
