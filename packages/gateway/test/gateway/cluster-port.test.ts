import { BODY } from '@headrace/cluster/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Gateway, Worker } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { encodeEnvelope, KIND } from '../../../cluster/test/envelope/raw-envelope.ts';
import { Nodes, sent } from '../../../cluster/test/nodes.ts';
import { encodeFrame, frameOf, OP } from '../../src/gateway/gateway-frame.ts';

describe('a gateway and workers on the nodes of a cluster', () => {
  it('serve a connection, by another worker when the first one leaves', async () => {
    const nodes = new Nodes();
    const front = await nodes.join();
    const gateway = new Gateway<string>({ cluster: front });
    const notes: string[] = [];
    const workers = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const cluster = await nodes.join({ roles: ['worker'] });
        const worker = new Worker<string>({
          cluster,
          onConnect: (_connection, { moved }) =>
            void notes.push(`${name} ${moved ? 'moved' : 'new'}`),
          onMessage: (connection, text) => void connection.write(`${name}: ${text}`),
        });
        return { name, cluster, worker };
      }),
    );
    await nodes.pass(2000);
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    channel.writeInbound('hello');
    await nodes.pass(50);
    const [answer] = sent(channel) as string[];
    const name = answer!.split(':')[0];
    expect(answer).toBe(`${name}: hello`);
    void workers.find((one) => one.name === name)!.cluster.leave();
    await nodes.pass(2000);
    channel.writeInbound('again');
    await nodes.pass(50);
    const other = name === 'one' ? 'two' : 'one';
    expect(sent(channel)).toEqual([`${other}: again`]);
    expect(notes).toEqual([`${name} new`, `${other} moved`]);
  });

  it('may be one node', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join({ roles: ['worker'] });
    const gateway = new Gateway<string>({ cluster });
    new Worker<string>({ cluster, onMessage: (connection, text) => void connection.write(text) });
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    channel.writeInbound('hello');
    await nodes.pass(50);
    expect(sent(channel)).toEqual(['hello']);
  });

  it('keep their connections while other nodes come whose heartbeats are heard before the gateway’s', async () => {
    const nodes = new Nodes();
    const front = await nodes.join();
    await nodes.pass(450);
    await nodes.join();
    await nodes.pass(550);
    const cluster = await nodes.join({ roles: ['worker'] });
    const notes: string[] = [];
    const worker = new Worker<string>({
      cluster,
      onConnect: () => void notes.push('connected'),
      onMessage: (connection, text) => void connection.write(text),
      onClose: (_connection, { reason }) => void notes.push(reason),
    });
    const gateway = new Gateway<string>({ cluster: front });
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    channel.writeInbound('hello');
    await nodes.pass(50);
    expect(cluster.nodes).toHaveLength(1);
    await nodes.pass(2000);
    expect(cluster.nodes).toHaveLength(3);
    expect(notes).toEqual(['connected']);
    expect(sent(channel)).toEqual(['hello']);
    expect(worker.connections).toBe(1);
  });

  it('forget the connections of a gateway that never said that it is there', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join({ roles: ['worker'] });
    const worker = new Worker<string>({ cluster, onMessage: () => {} });
    const node = 'ab'.repeat(16);
    const open = frameOf({ op: OP.open, connection: 1, epoch: 1, body: Buffer.from('{}') });
    const body = encodeFrame(open);
    const { frame: kind } = KIND;
    const { bus, subjects } = cluster.parts.wire;
    const envelope = { kind, bodyType: BODY.bytes, flags: 0, node, number: 1, body };
    bus.publish(subjects.node(cluster.nodeId), encodeEnvelope(envelope));
    await nodes.pass(100);
    expect(worker.connections).toBe(1);
    await nodes.pass(7000);
    expect(worker.connections).toBe(0);
  });
});
