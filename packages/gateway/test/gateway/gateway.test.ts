import { textLines } from '@headrace/codec';
import { DrainEvent, DrainStartEvent } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Worker } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/gateway/gateway-frame.ts';
import { GatewayWorld, NotingWorker, randomOf } from './gateway-world.ts';

function pair(options: Parameters<GatewayWorld['gateway']>[0] = {}) {
  const world = new GatewayWorld();
  const workers = ['w1', 'w2'].map((node) => new NotingWorker(world, node));
  const gateway = world.gateway(options);
  const channel = world.connection(gateway);
  world.clock.advance(50);
  const first = workers.find(({ held }) => held.size === 1)!;
  const second = workers.find((worker) => worker !== first)!;
  return { world, gateway, channel, first, second };
}

/** A connection of text lines, whose worker takes 5 ms for each. */
function lines(options: Parameters<GatewayWorld['gateway']>[0] = {}) {
  const world = new GatewayWorld();
  const first = new NotingWorker(world, 'w1');
  first.workMs = () => 5;
  const gateway = world.gateway(options);
  const channel = world.connection(gateway, ...textLines());
  world.clock.advance(50);
  return { world, gateway, channel, first };
}

/** Drains a connection as the shutdown of its server does. */
function drain(channel: EmbeddedChannel, timeoutMs: number): void {
  const { clock, pipeline } = channel;
  const start = new DrainStartEvent();
  channel.run(() => pipeline.fireUserEventTriggered(start));
  start.onceDelivered(clock, timeoutMs / 8, () => {
    channel.run(() => pipeline.fireUserEventTriggered(new DrainEvent(timeoutMs)));
  });
}

describe('Gateway and Worker', () => {
  it('give the messages of a connection to one worker, and its answers back', () => {
    const { world, gateway, channel, first, second } = pair({
      attributes: () => ({ tenant: 'blue' }),
    });
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    expect(first.notes).toEqual(['connect', 'a', 'b']);
    expect(second.notes).toEqual([]);
    expect(first.only.attributes).toEqual({ tenant: 'blue' });
    first.only.write('hello');
    first.only.write('you');
    world.clock.advance(50);
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['hello', 'you']);
    first.only.close('enough');
    world.clock.advance(5000);
    expect(channel.isOpen).toBe(false);
    expect(first.notes.at(-1)).toBe('close enough');
    expect([gateway.connections, first.worker.connections]).toEqual([0, 0]);
    expect(gateway.lostCount).toBe(0);
  });

  it('say once that connections wait for a worker, and again after there was one', () => {
    const world = new GatewayWorld();
    const channel = world.connection(world.gateway());
    world.clock.advance(4000);
    expect(world.lines).toEqual([]);
    world.clock.advance(60_000);
    const line = 'warn connections wait for a node with the role "worker": 1';
    expect(world.lines).toEqual([line]);
    const worker = new NotingWorker(world, 'w1');
    channel.writeInbound('a');
    world.clock.advance(100);
    expect(worker.notes).toEqual(['connect', 'a']);
    world.setState('w1', 'gone');
    world.clock.advance(20_000);
    expect(world.lines).toEqual([line, line]);
  });

  it('count as waiting only the connections without a worker', () => {
    const world = new GatewayWorld();
    const gateway = world.gateway();
    new NotingWorker(world, 'w1');
    world.connection(gateway);
    world.clock.advance(100);
    world.setState('w1', 'draining');
    const stranger = world.connection(gateway);
    stranger.close();
    world.clock.advance(60_000);
    expect(world.lines).toEqual([]);
    world.connection(gateway);
    world.clock.advance(60_000);
    expect(world.lines).toEqual(['warn connections wait for a node with the role "worker": 1']);
  });

  it('say it once, however many strangers come and leave without a worker', () => {
    const world = new GatewayWorld();
    const gateway = world.gateway();
    for (let i = 0; i < 100; i += 1) {
      const stranger = world.connection(gateway);
      world.clock.advance(6000);
      stranger.close();
      world.clock.advance(6000);
    }
    expect(world.lines).toHaveLength(1);
  });

  it('take no attributes whose values need much more memory than their JSON', () => {
    const lists = Array.from({ length: 4000 }, () => []);
    const { first } = pair({ attributes: () => ({ lists: lists.slice(100) }) });
    expect(() => first.only.setAttributes({ lists })).toThrow(
      /take 26\d{4} bytes, of which each value counts 64, at most 262144 are allowed/,
    );
  });

  it('take no more than 64 KiB of attributes, at either end', () => {
    const room = 'x'.repeat(65_536 - '{"of":""}'.length);
    const { first } = pair({ attributes: () => ({ of: room }) });
    first.only.setAttributes({ of: undefined, to: room });
    expect(() => first.only.setAttributes({ to: `${room}x` })).toThrow(/65537 bytes/);
    const world = new GatewayWorld();
    const gateway = world.gateway({ attributes: () => ({ of: `${room}x` }) });
    const channel = world.connection(gateway);
    expect(() => channel.checkException()).toThrow(/attributes of a connection take 65537 bytes/);
    expect(gateway.connections).toBe(0);
  });

  it('stop reading at 64 unanswered messages, until half of them are answered', () => {
    const { world, channel, first } = pair();
    first.workMs = () => 100;
    for (let i = 1; i <= 63; i++) channel.writeInbound(`${i}`);
    expect(channel.readHolds).toEqual([]);
    channel.writeInbound('64');
    expect(channel.readHolds).toEqual(['Gateway']);
    world.clock.advance(3000);
    expect(channel.readHolds).toEqual(['Gateway']);
    world.clock.advance(400);
    expect(channel.readHolds).toEqual([]);
  });

  it('answer every line of a burst, though the worker is slower than the lines', () => {
    for (const options of [{}, { maxUnanswered: 1 }, { maxUnansweredBytes: 3 }]) {
      const { world, channel, first } = lines(options);
      const all = Array.from({ length: 300 }, (_, i) => `${i}`);
      channel.writeInbound(Buffer.from(`${all.join('\n')}\n`));
      world.clock.advance(300 * 20);
      expect(first.notes.slice(1)).toEqual(all);
      expect(channel.readHolds).toEqual([]);
      channel.writeInbound(Buffer.from('later\n'));
      world.clock.advance(100);
      expect(first.notes.at(-1)).toBe('later');
    }
  });

  it('read a connection again when the gateway is closed while it holds lines', () => {
    const { world, gateway, channel } = lines({ maxUnanswered: 1 });
    channel.writeInbound(Buffer.from('a\nb\nc\n'));
    expect(channel.readHolds).toEqual(['Gateway']);
    world.clock.run(() => gateway.close());
    expect(channel.readHolds).toEqual([]);
    expect(gateway.lostCount).toBe(3);
  });

  it('answer the messages of a connection before a drain ends it, and read no more meanwhile', () => {
    const { world, gateway, channel, first } = pair();
    first.workMs = () => 300;
    const answers: string[] = [];
    first.handled = (_id, message) => void first.only.write(`did ${message}`);
    channel.writeInbound('a', 'b', 'c');
    drain(channel, 8000);
    expect([channel.isEnding, channel.discardsInput]).toEqual([false, true]);
    channel.writeInbound('d');
    world.clock.advance(2000);
    for (let answer = channel.readOutbound(); answer !== undefined; ) {
      answers.push(String(answer));
      answer = channel.readOutbound();
    }
    expect(answers).toEqual(['did a', 'did b', 'did c']);
    expect(channel.isEnding).toBe(true);
    expect(gateway.lostCount).toBe(0);
  });

  it('answer the lines that a decoder keeps before a drain ends their connection', () => {
    const { world, channel, first } = lines({ maxUnanswered: 4 });
    const all = Array.from({ length: 100 }, (_, i) => `${i}`);
    channel.writeInbound(Buffer.from(`${all.join('\n')}\n`));
    drain(channel, 8000);
    world.clock.advance(1100);
    expect(first.notes.slice(1, 101)).toEqual(all);
    expect(channel.isEnding).toBe(true);
  });

  it('read nothing of a connection to which they are added during a drain', () => {
    const { world, first } = lines();
    const channel = EmbeddedChannel.with({ clock: world.clock });
    const start = new DrainStartEvent();
    channel.run(() => channel.pipeline.fireUserEventTriggered(start));
    start.onceDelivered(world.clock, 1000, () => {});
    channel.run(() => channel.pipeline.addLast(world.gateway().handler()));
    channel.writeInbound('late');
    world.clock.advance(100);
    expect(channel.discardsInput).toBe(true);
    expect(first.notes).not.toContain('late');
  });

  it('end a connection soon whose peer never stops writing, when all that they accepted is answered', () => {
    const { world, gateway, channel, first } = lines();
    first.handled = (_id, message) => void first.only.write(message);
    let number = 0;
    const write = (): void => {
      // There is always a line that has begun.
      const begun = Array.from({ length: 9 }, () => `${number++}`).join('\n');
      if (channel.isOpen && !channel.isEnding) channel.writeInbound(Buffer.from(begun));
      world.clock.schedule(write, 10);
    };
    write();
    world.clock.advance(500);
    drain(channel, 8000);
    world.clock.advance(1500);
    expect(channel.isEnding).toBe(true);
    const answers: string[] = [];
    for (let bytes = channel.readOutbound(); bytes !== undefined; bytes = channel.readOutbound()) {
      answers.push(String(bytes).trim());
    }
    expect(answers).toEqual(first.notes.filter((note) => /^\d/.test(note)));
    expect(answers.length).toBeGreaterThan(50);
    expect(gateway.lostCount).toBe(0);
  });

  it('let a drain end a connection in its time, though its worker does not answer', () => {
    const { world, gateway, channel, first } = pair();
    first.workMs = () => 1e6;
    channel.writeInbound('a');
    drain(channel, 1000);
    world.clock.advance(900);
    expect(channel.isEnding).toBe(false);
    // The server closes the connection when the time has passed.
    channel.close('shutdown');
    world.clock.advance(60_000);
    expect([gateway.connections, gateway.lostCount]).toEqual([0, 1]);
  });

  it('go on reading a connection that moves to another process, and let it rest between messages', () => {
    const { world, channel, first } = pair();
    first.workMs = () => 300;
    channel.writeInbound('a');
    let rests = 0;
    const drain = new DrainEvent(8000, () => {
      rests += 1;
    });
    channel.run(() => channel.pipeline.fireUserEventTriggered(drain));
    expect([rests, channel.readHolds]).toEqual([0, []]);
    world.clock.advance(500);
    expect([rests, channel.isEnding]).toEqual([1, false]);
  });

  it('hold nothing of a connection whose handler is removed', () => {
    const { world, gateway, channel } = lines({ maxUnanswered: 1 });
    channel.writeInbound(Buffer.from('a\nb\nc\n'));
    expect(channel.readHolds).toEqual(['Gateway']);
    channel.run(() => channel.pipeline.removeLast());
    expect(channel.readHolds).toEqual([]);
    world.clock.advance(1000);
    expect(gateway.connections).toBe(0);
  });

  it('stop reading while there is no worker, and while the bus is down', () => {
    const world = new GatewayWorld();
    const gateway = world.gateway();
    const channel = world.connection(gateway);
    channel.writeInbound('early');
    expect(channel.readHolds).toEqual(['Gateway']);
    const worker = new NotingWorker(world, 'w1');
    expect(channel.isReadHeld).toBe(false);
    world.clock.advance(50);
    expect(worker.notes).toEqual(['connect', 'early']);
    world.setBus('down');
    expect(channel.readHolds).toEqual(['Gateway']);
    channel.writeInbound('late');
    world.clock.advance(10_000);
    world.setBus('up');
    expect(channel.isReadHeld).toBe(false);
    world.clock.advance(50);
    expect(worker.notes).toEqual(['connect', 'early', 'late']);
  });

  it('survive a function for messages while the bus is down that rejects', async () => {
    const world = new GatewayWorld();
    const gateway = world.gateway({
      handleWhenDown: (async () => {
        throw new Error('the database is away');
      }) as never,
    });
    const channel = world.connection(gateway);
    world.setBus('down');
    channel.writeInbound('alone');
    await new Promise(setImmediate);
    expect(channel.isOpen).toBe(true);
  });

  it('handle messages here while the bus is down, if there is a function for it', () => {
    const world = new GatewayWorld();
    const worker = new NotingWorker(world, 'w1');
    const here: string[] = [];
    const gateway = world.gateway({
      delivery: 'acknowledged',
      handleWhenDown: ({ isActive }, text) => void here.push(`${text} ${isActive}`),
    });
    const channel = world.connection(gateway);
    world.clock.advance(50);
    channel.writeInbound('before');
    world.clock.advance(50);
    channel.writeInbound('on its way');
    world.setBus('down');
    expect(channel.readHolds).toEqual([]);
    const late = world.connection(gateway);
    channel.writeInbound('alone');
    late.writeInbound('late');
    world.setState('w1', 'gone');
    channel.writeInbound('still alone');
    expect(channel.readHolds).toEqual([]);
    expect(here).toEqual(['alone true', 'late true', 'still alone true']);
    world.setBus('up');
    expect([channel.readHolds, late.readHolds]).toEqual([['Gateway'], ['Gateway']]);
    world.setState('w1', 'ready');
    world.clock.advance(5000);
    expect([channel.isReadHeld, late.isReadHeld]).toEqual([false, false]);
    channel.writeInbound('after');
    world.clock.advance(50);
    expect(here.length).toBe(3);
    expect(worker.notes).toEqual([
      ...['connect', 'before', 'on its way'],
      ...['close moved', 'moved here', 'connect', 'on its way again', 'after'],
    ]);
  });

  it('repeat what a dead worker has not acknowledged to the next one, marked', () => {
    const { world, gateway, channel, first, second } = pair({ delivery: 'acknowledged' });
    channel.writeInbound('a');
    world.clock.advance(50);
    first.only.setAttributes({ user: 'ann' });
    world.clock.advance(50);
    first.workMs = () => 1000;
    channel.writeInbound('b', 'c');
    world.clock.advance(50);
    world.kill(first.node);
    world.clock.advance(100);
    channel.writeInbound('d');
    world.clock.advance(6000);
    expect(first.notes).toEqual(['connect', 'a']);
    // d was sent to the dead one, too: nobody knows.
    expect(second.notes).toEqual(['moved here', 'b again', 'c again', 'd again']);
    expect(second.only.attributes).toEqual({ user: 'ann' });
    expect([gateway.lostCount, gateway.movedCount]).toEqual([0, 1]);
    second.only.write('still here');
    world.clock.advance(50);
    expect(channel.readOutbound()).toBe('still here');
  });

  it('store attributes with the acknowledgement of the message that sets them', () => {
    const { world, channel, first, second } = pair({ delivery: 'acknowledged' });
    const pay = (worker: NotingWorker, ms: number) => () => {
      worker.only.setAttributes({ paid: Number(worker.only.attributes['paid'] ?? 0) + 10 });
      return ms;
    };
    first.workMs = pay(first, 60_000);
    second.workMs = pay(second, 100);
    channel.writeInbound('pay');
    world.clock.advance(2500);
    world.kill(first.node);
    world.clock.advance(8000);
    expect(second.notes).toEqual(['moved here', 'pay again']);
    const third = new NotingWorker(world, 'w3');
    world.kill(second.node);
    world.clock.advance(8000);
    expect(third.only.attributes).toEqual({ paid: 10 });
    // Without a message under way, they are stored at once.
    third.only.setAttributes({ name: 'ann' });
    world.clock.advance(50);
    const fourth = new NotingWorker(world, 'w4');
    world.kill(third.node);
    world.clock.advance(8000);
    expect(fourth.only.attributes).toEqual({ paid: 10, name: 'ann' });
  });

  it('lose and count what a dead worker has not answered, if it is at most once', () => {
    const { world, gateway, channel, first, second } = pair();
    first.workMs = () => 1000;
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    world.kill(first.node);
    world.clock.advance(6000);
    channel.writeInbound('c');
    world.clock.advance(50);
    expect(second.notes).toEqual(['moved here', 'c']);
    expect(gateway.lostCount).toBe(2);
  });

  it('move from a worker that drains when it has answered what it has begun', async () => {
    const { world, channel, first, second } = pair({ delivery: 'acknowledged' });
    first.workMs = () => 300;
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    world.setState(first.node, 'draining');
    const empty = first.worker.emptyWithin(60_000);
    channel.writeInbound('c');
    world.clock.advance(1000);
    expect(first.notes).toEqual(['connect', 'a', 'close moved']);
    expect(second.notes).toEqual(['moved here', 'b', 'c']);
    await empty;
    expect(first.worker.connections).toBe(0);
  });

  it('handle each message once if workers leave one after the other, though their queues are long', () => {
    for (const delivery of ['acknowledged', 'at-most-once'] as const) {
      const world = new GatewayWorld();
      const handled: string[] = [];
      const add = (node: string): NotingWorker => {
        const worker = new NotingWorker(world, node);
        worker.workMs = () => 150;
        worker.handled = (_id, message, isRepeated) =>
          void handled.push(isRepeated ? `${message} again` : message);
        return worker;
      };
      let worker = add('w0');
      const gateway = world.gateway({ delivery, handoverMs: 10_000 });
      const channel = world.connection(gateway);
      world.clock.advance(50);
      const all = Array.from({ length: 60 }, (_, i) => `${i}`);
      channel.writeInbound(...all);
      for (let i = 1; i <= 3; i += 1) {
        world.clock.advance(1000);
        const old = worker;
        worker = add(`w${i}`);
        world.setState(old.node, 'draining');
        void old.worker.emptyWithin(10_000);
        world.clock.advance(delivery === 'acknowledged' ? 200 : 10_000);
        expect(old.worker.connections).toBe(0);
        old.worker.close();
        world.setState(old.node, 'gone');
      }
      world.clock.advance(20_000);
      expect(handled).toEqual(all);
      expect([gateway.lostCount, channel.isReadHeld]).toEqual([0, false]);
    }
  });

  it('give a connection back to a gateway without another worker, which the next worker continues', () => {
    for (const delivery of ['acknowledged', 'at-most-once'] as const) {
      const world = new GatewayWorld();
      const first = new NotingWorker(world, 'w1');
      first.workMs = () => 100;
      const gateway = world.gateway({ delivery });
      const channel = world.connection(gateway);
      const idle = world.connection(gateway);
      world.clock.advance(50);
      channel.writeInbound('a', 'b', 'c');
      world.clock.advance(50);
      world.setState('w1', 'draining');
      world.loss = 1;
      void first.worker.emptyWithin(8000);
      world.clock.advance(100);
      world.loss = 0;
      world.clock.advance(1500);
      expect(first.worker.connections).toBe(0);
      world.setState('w1', 'gone');
      expect([channel.readHolds, idle.readHolds]).toEqual([['Gateway'], ['Gateway']]);
      const next = new NotingWorker(world, 'w2');
      channel.writeInbound('d');
      idle.writeInbound('e');
      world.clock.advance(500);
      const texts = [...first.notes, ...next.notes].filter((note) => note.length === 1);
      expect(texts.sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(gateway.lostCount).toBe(0);
    }
  });

  it('give a connection back though each frame about it is lost once', () => {
    const { world, gateway, channel, first, second } = pair({ delivery: 'acknowledged' });
    first.workMs = () => 100;
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    world.loss = 1;
    world.setState(first.node, 'draining');
    void first.worker.emptyWithin(60_000);
    world.clock.advance(500);
    world.loss = 0;
    world.clock.advance(4000);
    expect(first.notes).toEqual(['connect', 'a', 'b', 'close moved']);
    channel.writeInbound('c');
    world.clock.advance(50);
    expect(second.notes).toEqual(['moved here', 'c']);
    expect([first.worker.connections, gateway.lostCount]).toEqual([0, 0]);
  });

  it('ask a worker that stays whether it has given a silent connection back', () => {
    const { world, first, second } = pair();
    world.setState(first.node, 'draining');
    world.clock.advance(4);
    world.loss = 1;
    world.clock.advance(2);
    world.setState(first.node, 'ready');
    world.loss = 0;
    expect(first.notes).toEqual(['connect', 'close moved']);
    world.clock.advance(2600);
    expect([...first.held.values(), ...second.held.values()]).toHaveLength(1);
  });

  it('mark a message that a dead worker may have handled, though the next worker gave it back', () => {
    const world = new GatewayWorld();
    const first = new NotingWorker(world, 'w1');
    const gateway = world.gateway({ delivery: 'acknowledged' });
    const channel = world.connection(gateway);
    world.clock.advance(50);
    first.workMs = () => 1e6;
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    world.kill('w1');
    const second = new NotingWorker(world, 'w2');
    second.workMs = () => 100;
    world.clock.advance(5050);
    world.setState('w2', 'draining');
    void second.worker.emptyWithin(5000);
    world.clock.advance(500);
    const third = new NotingWorker(world, 'w3');
    channel.writeInbound('c');
    world.clock.advance(500);
    expect(second.notes).toEqual(['moved here', 'a again', 'close moved']);
    expect(third.notes).toEqual(['moved here', 'b again', 'c']);
  });

  it('tell a worker that comes back that its connection has moved, though the first frame was lost', () => {
    const { world, first, second } = pair();
    world.loss = 1;
    world.setState(first.node, 'gone');
    world.clock.advance(50);
    world.loss = 0;
    world.clock.advance(10_000);
    expect([first.notes, second.notes]).toEqual([['connect'], ['moved here']]);
    world.setState(first.node, 'ready');
    world.clock.advance(50);
    expect(first.notes).toEqual(['connect', 'close moved']);
    const { sentFrames } = world;
    world.clock.advance(60_000);
    expect(world.sentFrames).toBe(sentFrames);
  });

  it('tell a worker that was only silent that its connection has moved', () => {
    const { world, channel, first, second } = pair();
    world.setState(first.node, 'gone');
    world.clock.advance(50);
    expect(second.notes).toEqual(['moved here']);
    expect(first.notes).toEqual(['connect', 'close moved']);
    expect(first.worker.connections).toBe(0);
    channel.writeInbound('a');
    world.clock.advance(50);
    expect(second.notes).toEqual(['moved here', 'a']);
  });

  it('choose no worker that leaves, though its node is ready, until it stays', () => {
    const { world, gateway, channel, first, second } = pair({ delivery: 'acknowledged' });
    first.workMs = () => 200;
    channel.writeInbound('a', 'b');
    world.clock.advance(50);
    void first.worker.emptyWithin(10_000);
    world.clock.advance(8000);
    expect(first.notes).toEqual(['connect', 'a', 'close moved']);
    expect(second.notes).toEqual(['moved here', 'b']);
    expect(first.worker.connections).toBe(0);
    world.setState(first.node, 'gone');
    void second.worker.emptyWithin(5000);
    world.clock.advance(1000);
    const late = world.connection(gateway);
    world.clock.advance(100);
    expect([channel.readHolds, late.readHolds]).toEqual([['Gateway'], ['Gateway']]);
    world.clock.advance(10_000);
    expect([channel.readHolds, late.readHolds]).toEqual([[], []]);
  });

  it('call onClose only after onConnect, though a connection moves while a function runs', () => {
    const { world, channel, first, second } = pair({ delivery: 'acknowledged' });
    first.workMs = () => 1e4;
    channel.writeInbound('a');
    world.clock.advance(50);
    for (const { node } of [first, second, first]) {
      world.setState(node, 'gone');
      world.clock.advance(200);
      world.setState(node, 'ready');
      world.clock.advance(200);
    }
    world.clock.advance(1e5);
    expect(first.notes).toEqual(['connect', 'a', 'close moved']);
    expect(second.notes).toEqual([...['moved here', 'a again', 'close moved', 'moved here']]);
  });

  it('resolve each call of emptyWithin when the last connection has gone', async () => {
    const { world, first } = pair();
    world.loss = 1;
    world.setState(first.node, 'draining');
    const empty = [60_000, 60_000, 100].map((ms) => first.worker.emptyWithin(ms));
    let resolved = 0;
    for (const one of empty) void one.then(() => (resolved += 1));
    world.clock.advance(100);
    await empty[2];
    expect(resolved).toBe(1);
    world.loss = 0;
    world.clock.advance(2500);
    await Promise.resolve();
    expect(resolved).toBe(3);
  });

  it('leave what a closed worker has not begun to the next one, and run it there alone', () => {
    const { world, channel, first, second } = pair({ delivery: 'acknowledged' });
    first.workMs = () => 100;
    for (let i = 1; i <= 5; i++) channel.writeInbound(`${i}`);
    world.clock.advance(150);
    first.worker.close();
    world.clock.advance(3000);
    expect(first.notes).toEqual(['connect', '1', '2']);
    world.setState(first.node, 'gone');
    world.clock.advance(1000);
    expect(second.notes).toEqual(['moved here', '2 again', '3 again', '4 again', '5 again']);
  });

  it('stay with a worker that drains while there is no other one', () => {
    const { world, channel, first, second } = pair();
    world.setState(second.node, 'gone');
    world.setState(first.node, 'draining');
    channel.writeInbound('a');
    world.clock.advance(50);
    expect(first.notes).toEqual(['connect', 'a']);
  });

  it('close a connection at its worker after its messages, even when the first word of it was lost', () => {
    for (const delivery of ['at-most-once', 'acknowledged'] as const) {
      const { world, gateway, channel, first } = pair({ delivery });
      channel.writeInbound('a');
      world.clock.advance(50);
      world.loss = 1;
      channel.endInput();
      world.clock.advance(1000);
      world.loss = 0;
      expect(gateway.connections).toBe(1);
      world.clock.advance(5000);
      expect(first.notes).toEqual(['connect', 'a', 'close peer']);
      expect([gateway.connections, first.worker.connections]).toEqual([0, 0]);
    }
  });

  it('close a connection once, even when the answer to that was lost', () => {
    for (const delivery of ['at-most-once', 'acknowledged'] as const) {
      const { world, gateway, channel, first } = pair({ delivery });
      channel.endInput();
      world.loss = 1;
      world.clock.advance(1000);
      world.loss = 0;
      expect([gateway.connections, first.worker.connections]).toEqual([1, 0]);
      world.clock.advance(5000);
      expect(first.notes).toEqual(['connect', 'close peer']);
      expect(gateway.connections).toBe(0);
    }
  });

  it('run one function of a connection at a time, even when it leaves and comes back', () => {
    const { world, channel, first, second } = pair();
    first.workMs = () => 20_000;
    channel.writeInbound('long');
    world.clock.advance(50);
    world.setState(second.node, 'gone');
    world.setState(first.node, 'gone');
    world.setState(first.node, 'ready');
    channel.writeInbound('next');
    world.clock.advance(60_000);
    expect(first.faults).toEqual([]);
    expect(first.notes).toEqual(['connect', 'long', 'close moved', 'moved here', 'next']);
  });

  it('take a connection back from a worker that was away and believes it has it', () => {
    const { world, channel, first, second } = pair();
    world.loss = 1;
    world.setState(first.node, 'gone');
    world.clock.advance(50);
    world.loss = 0;
    world.clock.advance(2500);
    expect(second.notes).toEqual(['moved here']);
    first.only.write('I am back');
    world.clock.advance(50);
    expect(first.notes).toEqual(['connect', 'close moved']);
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('forget the connections of a gateway that is gone', () => {
    const { world, first } = pair();
    world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
    world.setState('w3', 'draining');
    expect(first.notes).toEqual(['connect', 'close gateway-gone']);
    expect(first.worker.connections).toBe(0);
  });

  it('give a silent connection back to a worker that took its gateway for gone', () => {
    const { world, gateway, channel, first } = pair();
    const { isAlive } = world;
    world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
    world.setState('w3', 'suspect');
    world.setState('w4', 'suspect');
    world.clock.advance(300_000);
    expect(first.notes).toEqual(['connect', 'close gateway-gone']);
    world.isAlive = isAlive;
    world.setState('w3', 'gone');
    world.clock.advance(50);
    expect(first.notes).toEqual(['connect', 'close gateway-gone', 'moved here']);
    first.only.write('welcome back');
    world.clock.advance(50);
    expect(channel.readOutbound()).toBe('welcome back');
    expect(gateway.movedCount).toBe(1);
    const { sentFrames } = world;
    world.setState('w3', 'suspect');
    world.clock.advance(50);
    expect(world.sentFrames).toBe(sentFrames);
  });

  it('are asked about once, however often the word comes', () => {
    const framesFor = (words: number): number => {
      const { world, gateway } = pair();
      for (let i = 1; i < 20; i++) world.connection(gateway).writeInbound('hi');
      world.clock.advance(50);
      const { isAlive } = world;
      world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
      world.setState('w3', 'suspect');
      world.isAlive = isAlive;
      const { sentFrames } = world;
      for (let i = 0; i < words; i++) world.setState('w3', 'gone');
      world.clock.advance(50);
      expect(gateway.movedCount).toBeGreaterThan(5);
      return world.sentFrames - sentFrames;
    };
    // Each word of both workers has its answer, and nothing else.
    expect(framesFor(10) - framesFor(1)).toBe(9 * 2 * 2);
  });

  for (const [lost, backMs] of [
    ['word', 300_000],
    ['question', 3000],
  ] as const) {
    it(`give it back where the ${lost} about it is lost on its way`, () => {
      const { world, channel, first } = pair();
      const { isAlive } = world;
      world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
      world.setState('w3', 'suspect');
      world.clock.advance(50);
      world.isAlive = isAlive;
      if (lost === 'word') world.loss = 1;
      world.setState('w3', 'gone');
      world.loss = 1;
      world.clock.advance(50);
      world.loss = 0;
      world.clock.advance(backMs);
      expect(first.notes).toEqual(['connect', 'close gateway-gone', 'moved here']);
      first.only.write('welcome back');
      world.clock.advance(50);
      expect(channel.readOutbound()).toBe('welcome back');
    });
  }

  it('leave alone what a worker got before it heard that the gateway is there again', () => {
    const { world, gateway, first, second } = pair();
    const { isAlive } = world;
    world.isAlive = (id) => id !== 'gateway' && world.states.has(id);
    world.setState(second.node, 'suspect');
    const later = world.connection(gateway);
    later.writeInbound('hi');
    world.clock.advance(50);
    const notes = ['connect', 'close gateway-gone', 'connect', 'hi'];
    expect(first.notes).toEqual(notes);
    world.isAlive = isAlive;
    world.setState(second.node, 'ready');
    world.clock.advance(50);
    expect(first.notes).toEqual([...notes, 'moved here']);
    expect(first.worker.connections).toBe(2);
  });

  it('go on after an error of the worker', () => {
    const { world, channel, first } = pair();
    first.handled = (_id, message) => {
      if (message === 'bad') throw new Error('cannot do this');
    };
    for (let i = 0; i < 100; i++) channel.writeInbound('bad');
    channel.writeInbound('good');
    world.clock.advance(100);
    expect(first.notes.at(-1)).toBe('good');
    expect(channel.isReadHeld).toBe(false);
  });

  it('take what a function of the worker returns by the rules of await', () => {
    const world = new GatewayWorld();
    const handled: string[] = [];
    let running = 0;
    // biome-ignore-start lint/suspicious/noThenProperty: the subject of the test
    const returned: Readonly<Record<string, unknown>> = {
      value: { if: {}, then: {}, else: {} },
      throws: {
        then() {
          throw new Error('then throws');
        },
      },
      twice: {
        then(succeed: () => void, fail: (error: Error) => void) {
          world.clock.schedule(succeed, 10);
          world.clock.schedule(() => fail(new Error('late')), 15);
        },
      },
    };
    // biome-ignore-end lint/suspicious/noThenProperty: the subject of the test
    new Worker<string>({
      cluster: { gatewayPort: world.port('worker') },
      onMessage(connection, line): never {
        if (line in returned) return returned[line] as never;
        running += 1;
        handled.push(`${line} ${running}`);
        const then = (succeed: () => void) => {
          world.clock.schedule(() => {
            running -= 1;
            void connection.write(line);
            succeed();
          }, 10);
        };
        return { then } as never;
      },
    });
    world.setState('worker', 'ready');
    const gateway = world.gateway();
    const channels = Object.keys(returned).map((kind) => {
      const channel = world.connection(gateway);
      channel.writeInbound(kind, 'one', 'two');
      world.clock.advance(100);
      return [channel.readOutbound(), channel.readOutbound()];
    });
    expect(channels).toEqual([
      ['one', 'two'],
      ['one', 'two'],
      ['one', 'two'],
    ]);
    expect(handled).toEqual(['one 1', 'two 1', 'one 1', 'two 1', 'one 1', 'two 1']);
    expect(world.lines.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining('the worker failed at a message of the connection'),
    ]);
  });

  it('refuse a message that no envelope takes', () => {
    const { channel } = pair();
    expect(() => channel.writeInbound('x'.repeat(1024 * 1024))).toThrow(/does not fit on the bus/);
  });

  it('refuse at its writer what a bus with a lower limit would drop, and go on', () => {
    for (const delivery of ['acknowledged', 'at-most-once'] as const) {
      const { world, gateway, channel, first } = pair({ delivery });
      world.maxBodyBytes = 1000;
      const longest = 'x'.repeat(1000 - 22);
      expect(() => channel.writeInbound(`${longest}x`)).toThrow(
        'a message of 979 bytes does not fit on the bus, at most 978 are allowed',
      );
      channel.writeInbound(longest, 'after');
      world.clock.advance(50);
      expect(first.notes).toEqual(['connect', longest, 'after']);
      expect(() => first.only.write(`${longest}x`)).toThrow('a message of 979 bytes');
      expect(first.only.write(longest)).toBe('sent');
      // An acknowledgement with longer attributes would not arrive, and the connection would stand still.
      const to = 'x'.repeat(1000 - 40 - '{"to":""}'.length);
      expect(() => first.only.setAttributes({ to: `${to}x` })).toThrow('take 961 bytes');
      first.only.setAttributes({ to });
      channel.writeInbound('later');
      world.clock.advance(50);
      expect([first.notes.at(-1), channel.readOutbound()]).toEqual(['later', longest]);
      expect([gateway.lostCount, channel.isReadHeld]).toEqual([0, false]);
      const refusing = world.gateway({ attributes: () => ({ of: longest }) });
      const refused = world.connection(refusing);
      expect(() => refused.checkException()).toThrow('attributes of a connection take 987 bytes');
    }
  });

  it('answer a peer that has ended its half, and then end the connection', () => {
    const { world, gateway, first } = lines();
    const options = { clock: world.clock, allowHalfOpen: true };
    const open = () => EmbeddedChannel.with(options, ...textLines(), gateway.handler());
    const channels = [open(), open()] as const;
    world.clock.advance(50);
    channels[0].writeInbound(Buffer.from('one\ntwo\n'));
    for (const channel of channels) channel.endInput();
    world.clock.advance(7);
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, false]);
    world.clock.advance(100);
    expect(channels.map(({ closeInfo }) => closeInfo?.reason)).toEqual(['peer', 'peer']);
    expect(first.notes.filter((note) => !note.startsWith('connect')).sort()).toEqual([
      'close peer',
      'close peer',
      'one',
      'two',
    ]);
  });

  it('end a connection that comes when the gateway is closed, and keep nothing of it', () => {
    const { world, gateway, channel } = pair();
    gateway.close();
    const late = world.connection(gateway);
    late.writeInbound('nobody hears this');
    world.clock.advance(5000);
    expect([channel.isOpen, late.isOpen, late.closeInfo?.reason]).toEqual([
      true,
      false,
      'shutdown',
    ]);
    expect(gateway.connections).toBe(0);
  });

  it('acknowledge many messages in one frame', () => {
    const { world, channel } = pair();
    const before = world.sentFrames;
    channel.writeInbound(...Array.from({ length: 60 }, (_, i) => `${i}`));
    world.clock.advance(50);
    expect(world.sentFrames - before).toBe(60 + 1);
  });
});

describe('decodeFrame', () => {
  it('takes any bytes', () => {
    const random = randomOf(1);
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(Array.from({ length: random() * 60 }, () => random() * 256));
      expect(() => decodeFrame(bytes)).not.toThrow();
    }
  });

  it('is thrown at gateways and workers without harm', () => {
    const { world, gateway, channel, first } = pair();
    const random = randomOf(2);
    const [toWorker, toGateway] = [world.port('gateway'), world.port(first.node)];
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(Array.from({ length: random() * 60 }, () => random() * 12));
      toWorker.send(first.node, bytes);
      toGateway.send('gateway', bytes);
    }
    channel.writeInbound('alive');
    world.clock.advance(100);
    expect(first.notes).toEqual(['connect', 'alive']);
    expect(gateway.ignoredCount).toBeGreaterThan(1000);
    expect(first.worker.ignoredCount).toBeGreaterThan(1000);
  });
});
