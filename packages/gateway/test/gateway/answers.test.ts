import { EmbeddedChannel } from '@headrace/core/testing';
import { Gateway, Worker, type WorkerConnection } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { decodeFrame, OP } from '../../src/gateway/gateway-frame.ts';
import { GatewayWorld, NotingWorker } from './gateway-world.ts';

const WRITES = 3;
const MESSAGES = ['1', '2', '3', '4', '5', '6'];

/** A worker that writes three answers to each message, and counts the messages in an attribute. */
function answering(world: GatewayWorld, node = 'w1', maxUnconfirmedBytes = 1e6): NotingWorker {
  const worker = new NotingWorker(world, node, { maxUnconfirmedBytes });
  worker.handled = (id, message) => {
    const connection = worker.held.get(id);
    for (let i = 1; i <= WRITES; i++) connection?.write(`${message}.${i}`);
    connection?.setAttributes({ last: message });
  };
  return worker;
}

function answers(messages: readonly string[]): string[] {
  return messages.flatMap((one) => Array.from({ length: WRITES }, (_, i) => `${one}.${i + 1}`));
}

function read(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
    all.push(one);
  }
  return all;
}

function pair(delivery: 'acknowledged' | 'at-most-once' = 'acknowledged', limit?: number) {
  const world = new GatewayWorld();
  const worker = answering(world, 'w1', limit);
  const gateway = world.gateway({ delivery });
  const channel = world.connection(gateway);
  world.clock.advance(50);
  return { world, worker, gateway, channel };
}

/** Messages one after the other, then a close; the frames that `isLost` names are lost. */
function talk(isLost: (frame: number) => boolean) {
  const { world, worker, gateway, channel } = pair();
  let frames = 0;
  world.onWay = (body) => {
    frames += 1;
    return isLost(frames) ? undefined : body;
  };
  for (const message of MESSAGES) {
    channel.writeInbound(message);
    world.clock.advance(8);
  }
  world.clock.advance(20_000);
  const got = read(channel);
  worker.only.close('enough');
  world.clock.advance(40_000);
  return { world, worker, gateway, channel, got, frames };
}

describe('answers of a worker, with acknowledgements', () => {
  it('arrive once and in order, whichever frame is lost', () => {
    const { frames } = talk(() => false);
    expect(frames).toBeGreaterThan(20);
    for (const count of [1, 2, 5, 10]) {
      for (let first = 1; first <= frames; first++) {
        const lost = `${count} frames from frame ${first} on`;
        const { worker, gateway, channel, got } = talk((n) => n >= first && n < first + count);
        expect(got, lost).toEqual(answers(MESSAGES));
        const closed = ['connect', ...MESSAGES, 'close enough'];
        expect(worker.notes, lost).toEqual(closed);
        expect([channel.isOpen, gateway.connections], lost).toEqual([false, 0]);
        const { lostCount } = worker.worker;
        expect([gateway.lostCount, gateway.lostAnswerCount, lostCount], lost).toEqual([0, 0, 0]);
      }
    }
  });

  it('arrive though only the last one is lost, soon after the one before was confirmed', () => {
    const { world, worker, channel } = pair();
    worker.only.write('a');
    world.clock.advance(300);
    world.loss = 1;
    worker.only.write('b');
    world.loss = 0;
    world.clock.advance(3000);
    expect(read(channel)).toEqual(['a', 'b']);
  });

  it('arrive after ten outages, with the attributes', () => {
    const { world, worker, gateway, channel } = pair();
    worker.workMs = () => 15;
    const sent: string[] = [];
    for (let i = 1; i <= 200; i++) {
      sent.push(`${i}`);
      channel.writeInbound(`${i}`);
      if (i % 20 === 0) {
        world.setBus('down');
        world.clock.advance(i);
        world.setBus('up');
      }
      world.clock.advance(20);
    }
    world.clock.advance(20_000);
    expect(read(channel)).toEqual(answers(sent));
    const next = answering(world, 'w2');
    world.setState('w1', 'draining');
    world.clock.advance(5000);
    expect(next.only.attributes).toEqual({ last: '200' });
    expect([gateway.lostCount, worker.worker.lostCount]).toEqual([0, 0]);
  });

  it('precede the acknowledgement of their message, which the next worker gets otherwise', () => {
    const { world, worker, gateway, channel } = pair();
    // The acknowledgement arrives, the answers before it do not.
    world.onWay = (body) => (decodeFrame(body)?.op === OP.write ? undefined : body);
    channel.writeInbound('a');
    world.clock.advance(50);
    expect(worker.notes).toEqual(['connect', 'a']);
    const next = answering(world, 'w2');
    world.onWay = (body) => body;
    world.kill('w1');
    world.clock.advance(8000);
    expect(next.notes).toEqual(['moved here', 'a again']);
    expect(read(channel)).toEqual(answers(['a']));
    expect(gateway.lostCount).toBe(0);
    expect(gateway.lostAnswerCount).toBe(WRITES);
    const line =
      /worker w1 has lost the connection gateway:1, and 3 of its answers have not arrived/;
    expect(world.lines.find((one) => line.test(one))).toBeDefined();
  });

  it('are kept, in a limit, while the bus is down, and hold up the next message', () => {
    const { world, worker, channel } = pair('acknowledged', 1000);
    worker.workMs = () => 10;
    channel.writeInbound('a', 'b');
    world.clock.advance(12);
    world.setBus('down');
    expect(worker.only.write('x'.repeat(900))).toBe('kept');
    expect(worker.only.write('y'.repeat(900))).toBe('dropped');
    expect(worker.worker.lostCount).toBe(1);
    expect(world.lines).toEqual([
      'warn writes to the connection gateway:1 are dropped, because its gateway has not confirmed 1000 bytes (maxUnconfirmedBytes)',
    ]);
    expect(worker.only.write('y'.repeat(900))).toBe('dropped');
    expect(world.lines).toHaveLength(1);
    world.clock.advance(3000);
    world.setBus('up');
    world.clock.advance(5000);
    const got = read(channel);
    expect(got.filter((one) => String(one).startsWith('x'))).toHaveLength(1);
    expect(got.filter((one) => String(one).startsWith('y'))).toHaveLength(0);
    expect(worker.notes).toEqual(['connect', 'a', 'b']);
  });

  it('hold up the next message at the limit, and a message longer than the limit passes', () => {
    const { world, worker, channel } = pair('acknowledged', 200);
    const long = 'x'.repeat(500);
    worker.handled = () => void worker.only.write(long);
    world.onWay = (body, from) => (from === 'w1' ? undefined : body);
    channel.writeInbound('a', 'b');
    world.clock.advance(500);
    expect(worker.notes).toEqual(['connect', 'a']);
    world.onWay = (body) => body;
    world.clock.advance(5000);
    expect(worker.notes).toEqual(['connect', 'a', 'b']);
    expect(read(channel)).toEqual([long, long]);
    expect(worker.worker.lostCount).toBe(0);
  });

  it('hold up the next message before its answers would have no room', () => {
    const { world, worker, channel } = pair('acknowledged', 2000);
    const sent = Array.from({ length: 200 }, (_, i) => `${i}`);
    world.onWay = (body) => (decodeFrame(body)?.op === OP.confirm ? undefined : body);
    channel.writeInbound(...sent);
    world.clock.advance(5000);
    expect(worker.notes.length).toBeLessThan(10);
    world.onWay = (body) => body;
    world.clock.advance(60_000);
    expect(read(channel)).toEqual(answers(sent));
    expect(worker.worker.lostCount).toBe(0);
  });

  it('are named by the worker when their connection has moved, or its gateway is gone', () => {
    const { world, worker, channel } = pair();
    world.onWay = (body, from) => (from === 'w1' ? undefined : body);
    worker.only.write('a');
    worker.only.write('b');
    world.clock.advance(50);
    world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
    world.setState('w1', 'ready');
    expect(worker.notes).toEqual(['connect', 'close gateway-gone']);
    expect(worker.lost).toEqual(['2 of gateway:1']);
    expect(worker.worker.lostCount).toBe(2);
    const line = 'the worker has lost 2 answers to the connection gateway:1: gateway-gone';
    expect(world.lines).toEqual([`warn ${line}`]);
    world.clock.advance(10_000);
    expect(read(channel)).toEqual([]);
  });

  it('do not count as lost when their connection has closed', () => {
    const { world, worker, gateway, channel } = pair();
    channel.writeInbound('a');
    world.onWay = (body, from) => (from === 'w1' ? undefined : body);
    world.clock.advance(50);
    channel.close();
    world.clock.advance(50);
    world.onWay = (body) => body;
    world.clock.advance(10_000);
    expect([gateway.connections, worker.worker.connections]).toEqual([0, 0]);
    expect([gateway.lostAnswerCount, worker.worker.lostCount]).toEqual([0, 0]);
  });

  it('arrive before their worker gives the connection back', () => {
    const { world, worker, gateway, channel } = pair();
    const next = answering(world, 'w2');
    channel.writeInbound('a');
    // The answers and what says that they are missing.
    world.onWay = (body, from) => (from === 'w1' ? undefined : body);
    world.clock.advance(50);
    world.setState('w1', 'draining');
    void worker.worker.emptyWithin(4000);
    world.clock.advance(500);
    world.onWay = (body) => body;
    world.clock.advance(3500);
    expect(worker.notes).toEqual(['connect', 'a', 'close moved']);
    channel.writeInbound('b');
    world.clock.advance(50);
    expect(next.notes).toEqual(['moved here', 'b']);
    expect(read(channel)).toEqual(answers(['a', 'b']));
    expect([gateway.lostAnswerCount, worker.worker.lostCount]).toEqual([0, 0]);
  });

  it('include attributes that are set between messages', () => {
    const { world, worker } = pair();
    const next = answering(world, 'w2');
    world.loss = 1;
    worker.only.setAttributes({ set: 'alone' });
    world.clock.advance(50);
    world.loss = 0;
    world.clock.advance(2500);
    world.kill('w1');
    world.clock.advance(8000);
    expect(next.only.attributes).toEqual({ set: 'alone' });
  });

  it('are confirmed by one frame for many connections, and then no frame is sent', () => {
    const { world, worker, gateway } = pair();
    const channels = Array.from({ length: 100 }, () => world.connection(gateway));
    world.clock.advance(1000);
    for (const channel of channels) channel.writeInbound('a');
    let confirmations = 0;
    world.onWay = (body) => {
      if (decodeFrame(body)?.op === OP.confirm) confirmations += 1;
      return body;
    };
    world.clock.advance(5000);
    expect(confirmations).toBe(1);
    const { sentFrames } = world;
    world.clock.advance(60_000);
    expect(world.sentFrames).toBe(sentFrames);
    expect(worker.worker['unconfirmed'].size).toBe(0);
  });

  it('are confirmed in several frames on a bus with small ones', () => {
    const { world, worker, gateway } = pair();
    world.maxBodyBytes = 100;
    const channels = Array.from({ length: 20 }, () => world.connection(gateway));
    world.clock.advance(1000);
    for (const channel of channels) channel.writeInbound('a');
    world.clock.advance(400);
    expect(worker.worker['unconfirmed'].size).toBe(0);
  });

  it('are lost by name when their node leaves without a bus', async () => {
    const nodes = new VirtualNodes();
    const back = await nodes.join({ roles: ['worker'] });
    const held: WorkerConnection<string>[] = [];
    const worker = new Worker<string>({
      cluster: back,
      onConnect: (connection) => void held.push(connection),
      onMessage: () => {},
    });
    const front = await nodes.join();
    const gateway = new Gateway<string>({ cluster: front, delivery: 'acknowledged' });
    await nodes.pass(2000);
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    await nodes.pass(100);
    nodes.hub.kill();
    await nodes.pass(10);
    expect(held[0]!.write('a')).toBe('kept');
    const left = back.leave({ drainTimeoutMs: 100 });
    await nodes.pass(2000);
    await left;
    expect(worker.lostCount).toBe(1);
    expect(nodes.lines.at(-1)).toMatch(/has lost 1 answers to the connection .*: its node leaves/);
    channel.close();
    nodes.hub.start();
    await front.leave();
  });

  it('are lost by name when their worker is closed before they are confirmed', () => {
    const { world, worker } = pair();
    world.setBus('down');
    worker.only.write('a');
    worker.worker.close();
    expect(worker.worker.lostCount).toBe(1);
    const line = 'warn the worker has lost 1 answers to the connection gateway:1: it is closed';
    expect(world.lines).toEqual([line]);
  });

  it('are not kept after a close, which has the last word', () => {
    const { world, worker, channel } = pair();
    expect([worker.only.write('a'), worker.only.close('end')]).toEqual(['sent', 'sent']);
    expect([worker.only.write('b'), worker.only.close('again')]).toEqual(['dropped', 'dropped']);
    world.clock.advance(5000);
    expect(read(channel)).toEqual(['a']);
    expect(worker.notes).toEqual(['connect', 'close end']);
  });
});
