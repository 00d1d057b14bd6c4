import { type Channel, DrainEvent, type Handler } from '@headrace/core';
import { isPeerLeaving } from '@headrace/core/authoring';
import { connectedPair } from '@headrace/core/testing';
import { pipeChannels } from '@headrace/handlers';
import { GoAwayEvent, YamuxHandler } from '@headrace/yamux';
import { describe, expect, it } from 'vitest';
import { SubstreamProbe, type YamuxPair, yamuxPair } from './yamux-pair.ts';

const WINDOW = 256 * 1024;
const QUEUE = 64 * 1024;

/** Writes until the channel takes no more; returns the bytes that were written. */
function fill(pair: YamuxPair, channel: Channel, limit = Number.POSITIVE_INFINITY): number {
  const piece = Buffer.alloc(8192, 'x');
  let written = 0;
  for (; channel.isWritable && written < limit; written += piece.length)
    pair.clock.run(() => channel.writeAndFlush(piece));
  return written;
}

const write = ({ clock }: YamuxPair, channel: Channel, text: string) =>
  clock.run(() => channel.writeAndFlush(Buffer.from(text)));

describe('substreams', () => {
  it('are opened by either end, and each has its own bytes', async () => {
    const pair = yamuxPair();
    const { near, far } = pair;
    const [one, fromOne] = await pair.open(near);
    const [two] = await pair.open(near);
    const [back] = await pair.open(far);
    write(pair, one, 'one');
    write(pair, two, 'two');
    write(pair, back, 'back');
    write(pair, far.accepted[0]!, 'answer');
    expect(far.probes.map(({ text }) => text)).toEqual(['one', 'two']);
    expect([near.probes[0]!.text, fromOne.text]).toEqual(['back', 'answer']);
    expect([near.handler.size, far.handler.size]).toEqual([3, 3]);
    expect(far.accepted[0]!.parent).toBe(pair.server);
  });

  it('wait for a connection that is not up', async () => {
    const early = new YamuxHandler({ role: 'client' });
    const accepted: Channel[] = [];
    const childHandler = (channel: Channel) => void accepted.push(channel);
    let opening: Promise<Channel> | undefined;
    let wasActive: boolean | undefined;
    connectedPair({
      client: (channel) =>
        void channel.pipeline.addLast(early, {
          handlerAdded() {
            wasActive = channel.isActive;
            opening = early.open((opened) => void opened.pipeline.addLast());
          },
        }),
      server: (channel) =>
        void channel.pipeline.addLast(new YamuxHandler({ role: 'server', childHandler })),
    });
    expect([wasActive, (await opening!).isActive, accepted.length]).toEqual([false, true, 1]);
  });

  it('say and end nothing before the connection is up', async () => {
    const early = new YamuxHandler({ role: 'client' });
    const probe = new SubstreamProbe();
    const writer: Handler = {
      handlerAdded({ channel }) {
        channel.writeAndFlush(Buffer.from('early'));
        channel.shutdown('output');
      },
    };
    const { clock, server } = connectedPair({
      client: (channel) =>
        void channel.pipeline.addLast(early, {
          handlerAdded: () => void early.open((opened) => void opened.pipeline.addLast(writer)),
        }),
      server: (channel) =>
        void channel.pipeline.addLast(
          new YamuxHandler({
            role: 'server',
            childHandler: (channel) => void channel.pipeline.addLast(probe),
          }),
        ),
    });
    clock.advance(10);
    expect([probe.text, server.isOpen]).toEqual(['early', true]);
    expect(probe.events).toEqual(['inactive peer by peer']);
  });

  it('say at once when there is no connection yet', async () => {
    const alone = new YamuxHandler({ role: 'client' });
    await expect(alone.open(() => {})).rejects.toThrow('once it is in the pipeline');
    await expect(alone.ping()).rejects.toThrow('pings on a channel');
  });

  it('that read nothing hold themselves, and no other one', async () => {
    const pair = yamuxPair();
    const { near, far } = pair;
    const [slow] = await pair.open(near);
    const [quick] = await pair.open(near);
    const hold = far.accepted[0]!.holdReads('test');
    const written = fill(pair, slow);
    expect(far.probes[0]!.bytes).toBe(0);
    expect(slow.isWritable).toBe(false);
    expect(written).toBeLessThanOrEqual(WINDOW + QUEUE + 2 * 64 * 1024);
    expect(fill(pair, quick, 2 * WINDOW)).toBe(2 * WINDOW);
    expect(far.probes[1]!.bytes).toBe(2 * WINDOW);
    pair.clock.run(() => hold.release());
    expect([far.probes[0]!.bytes, slow.isWritable]).toEqual([written, true]);
  });

  it('send in turns while the connection is full', async () => {
    const pair = yamuxPair({ capacityBytes: 16 * 1024 });
    const { near, far } = pair;
    const [large] = await pair.open(near);
    const [small] = await pair.open(near);
    const hold = pair.server.holdReads('test');
    fill(pair, large);
    write(pair, small, 'small');
    let before = 0;
    far.accepted[1]!.pipeline.addFirst({
      channelRead(ctx, bytes) {
        before = far.probes[0]!.bytes;
        ctx.fireChannelRead(bytes);
      },
    });
    pair.clock.run(() => hold.release());
    expect(far.probes[1]!.text).toBe('small');
    // What the connection had taken already, and one frame.
    expect(before).toBeLessThanOrEqual((64 + 16 + 16 + 16) * 1024);
    expect(far.probes[0]!.bytes).toBeGreaterThan(before);
  });

  it('may have a larger window, which the peer hears of when it is opened', async () => {
    const pair = yamuxPair({ server: { windowBytes: 4 * WINDOW } });
    const [channel] = await pair.open(pair.near);
    pair.far.accepted[0]!.holdReads('test');
    const written = fill(pair, channel);
    expect(written).toBeGreaterThan(4 * WINDOW);
    expect(written).toBeLessThanOrEqual(4 * WINDOW + QUEUE + 2 * 64 * 1024);
  });

  it('end each half on its own', async () => {
    const childOptions = { allowHalfOpen: true };
    const pair = yamuxPair({ server: { childOptions } });
    const [channel, probe] = await pair.open(pair.near, { allowHalfOpen: true });
    write(pair, channel, 'question');
    pair.clock.run(() => channel.shutdown('output'));
    expect(pair.far.probes[0]!.events).toEqual(['shutdown input']);
    const answering = pair.far.accepted[0]!;
    write(pair, answering, 'answer');
    pair.clock.run(() => answering.shutdown('output'));
    expect([probe.text, probe.events.at(-1)]).toEqual(['answer', 'inactive peer by peer']);
    expect(answering.isOpen).toBe(false);
    expect([pair.near.handler.size, pair.far.handler.size]).toEqual([0, 0]);
  });

  it('are reset one by one', async () => {
    const pair = yamuxPair();
    const [one] = await pair.open(pair.near);
    const [two] = await pair.open(pair.near);
    pair.clock.run(() => one.abort());
    expect(pair.far.probes[0]!.events).toEqual([
      expect.stringContaining('the peer reset substream 1'),
      'inactive reset by peer',
    ]);
    write(pair, two, 'still');
    expect(pair.far.probes[1]!.text).toBe('still');
  });

  it('that were closed reset a peer which goes on', async () => {
    const pair = yamuxPair();
    const [channel, probe] = await pair.open(pair.near, { allowHalfOpen: true });
    pair.clock.run(() => pair.far.accepted[0]!.close());
    expect(probe.events).toEqual(['shutdown input']);
    write(pair, channel, 'late');
    expect(channel.closeInfo?.reason).toBe('reset');
    expect([pair.near.handler.size, pair.far.handler.size]).toEqual([0, 0]);
  });

  it('deliver what was written before the close', async () => {
    const pair = yamuxPair({ capacityBytes: 16 * 1024 });
    const [other] = await pair.open(pair.near);
    const [channel] = await pair.open(pair.near);
    const hold = pair.server.holdReads('test');
    fill(pair, other);
    await pair.clock.run(() => channel.writeAndFlush(Buffer.alloc(60_000)));
    pair.clock.run(() => channel.close());
    expect(pair.near.handler.size).toBe(2);
    pair.clock.run(() => hold.release());
    expect(pair.far.probes[1]!.bytes).toBe(60_000);
    expect(pair.far.accepted[1]!.closeInfo?.reason).toBe('peer');
    expect(pair.near.handler.size).toBe(1);
  });
});

describe('the limits', () => {
  it('send what a write has taken before the reset of a close that cuts the next write', async () => {
    const pair = yamuxPair();
    const [near] = await pair.open(pair.near);
    const taken = pair.clock.run(() => {
      const first = near.writeAndFlush(Buffer.alloc(60_000));
      near.writeAndFlush(Buffer.alloc(400_000)).onSettled(() => {});
      near.close();
      return first;
    });
    expect(taken.isSuccess).toBe(true);
    const [probe] = pair.far.probes;
    expect(probe!.bytes).toBeGreaterThanOrEqual(60_000);
    expect(probe!.events.at(-1)).toBe('inactive reset by peer');
  });

  it('send a long answer to a peer that has ended its half', async () => {
    const pair = yamuxPair();
    const [near, probe] = await pair.open(pair.near, { allowHalfOpen: true });
    const [far] = pair.far.accepted;
    const hold = near.holdReads('test');
    const answer = pair.clock.run(() => {
      const future = far!.writeAndFlush(Buffer.alloc(400_000));
      near.shutdown('output').onSettled(() => {});
      return future;
    });
    pair.clock.run(() => hold.release());
    expect([probe.bytes, answer.isSuccess]).toEqual([400_000, true]);
    expect(far!.closeInfo).toEqual({ reason: 'peer', by: 'peer', error: undefined });
  });

  it('refuse one substream more than maxSubstreams, until another one has closed', async () => {
    const pair = yamuxPair({ server: { maxSubstreams: 2 } });
    const [one] = await pair.open(pair.near);
    await pair.open(pair.near);
    const [, refused] = await pair.open(pair.near);
    expect(refused.events).toEqual([
      expect.stringContaining('the peer refused substream 5'),
      'inactive reset by peer',
    ]);
    pair.clock.run(() => one.close());
    const [next] = await pair.open(pair.near);
    expect(next.isActive).toBe(true);
    expect(pair.far.accepted.length).toBe(3);
  });

  it('count a substream as long as its channel has not read all', async () => {
    const pair = yamuxPair({ server: { maxSubstreams: 1, childOptions: { allowHalfOpen: true } } });
    const [one] = await pair.open(pair.near, { allowHalfOpen: true });
    const held = pair.far.accepted[0]!;
    pair.clock.run(() => held.shutdown('output'));
    held.holdReads('test');
    write(pair, one, 'unread');
    pair.clock.run(() => one.close());
    const [, refused] = await pair.open(pair.near);
    expect(refused.events.length).toBe(2);
    pair.clock.run(() => held.close());
    const [next] = await pair.open(pair.near);
    expect(next.isActive).toBe(true);
  });

  it('refuse all without a childHandler', async () => {
    const pair = yamuxPair();
    const client = new YamuxHandler({ role: 'client' });
    pair.client.run(() => {
      pair.client.pipeline.remove(pair.near.handler);
      pair.client.pipeline.addLast(client);
    });
    const [, probe] = await pair.open(pair.far);
    expect(probe.events[0]).toContain('the peer refused substream 2');
  });
});

describe('the end of the connection', () => {
  it('closes all substreams for its reason, without an error', async () => {
    const pair = yamuxPair();
    const [, one] = await pair.open(pair.near);
    const [channel, two] = await pair.open(pair.near);
    pair.client.run(() => pair.client.close('idle'));
    expect([one.events, two.events]).toEqual([
      ['inactive idle by local'],
      ['inactive idle by local'],
    ]);
    expect(pair.far.probes.map(({ events }) => events)).toEqual([
      ['inactive reset by peer'],
      ['inactive reset by peer'],
    ]);
    await expect(channel.writeAndFlush(Buffer.from('late'))).rejects.toThrow('closed (idle)');
    await expect(pair.open(pair.near)).rejects.toThrow('has ended');
    await expect(pair.near.handler.ping()).rejects.toThrow('has ended');
    expect(pair.near.handler.size).toBe(0);
  });

  it('comes after what was read', async () => {
    const pair = yamuxPair();
    const [channel] = await pair.open(pair.near);
    const held = pair.far.accepted[0]!;
    const hold = held.holdReads('test');
    write(pair, channel, 'last words');
    pair.client.run(() => pair.client.close());
    expect([pair.server.isOpen, held.isOpen]).toEqual([false, true]);
    pair.clock.run(() => hold.release());
    expect([pair.far.probes[0]!.text, held.closeInfo?.reason]).toEqual(['last words', 'reset']);
  });

  it('is an end, and no reset, of a substream whose peer had ended its half', async () => {
    const pair = yamuxPair({ server: { childOptions: { allowHalfOpen: true } } });
    const [channel] = await pair.open(pair.near, { allowHalfOpen: true });
    await pair.open(pair.near);
    pair.client.run(() => channel.shutdown('output'));
    pair.client.run(() => pair.client.close());
    expect(pair.far.probes.map(({ events }) => events)).toEqual([
      ['shutdown input', 'inactive peer by peer'],
      ['inactive reset by peer'],
    ]);
  });

  it('is a reset of the other side of a relay, because bytes may be missing', async () => {
    const pair = yamuxPair();
    await pair.open(pair.near);
    const behind = connectedPair({ clock: pair.clock, options: { allowHalfOpen: true } });
    pair.far.accepted[0]!.pipeline.remove(pair.far.probes[0]!);
    pipeChannels(pair.far.accepted[0]!, behind.client);
    pair.client.run(() => pair.client.close());
    expect(behind.server.closeInfo?.reason).toBe('reset');
  });

  it('is noticed by a substream with unread bytes that writes', async () => {
    const pair = yamuxPair();
    const [channel] = await pair.open(pair.near);
    const held = pair.far.accepted[0]!;
    held.holdReads('test');
    write(pair, channel, 'unread');
    pair.client.run(() => pair.client.close());
    await expect(write(pair, held, 'answer')).rejects.toThrow();
    expect(held.closeInfo?.reason).toBe('reset');
  });

  it('follows a polite end that sends what substreams had written, though it is more than may wait', async () => {
    const pair = yamuxPair({ capacityBytes: 16 * 1024 });
    const substreams: Channel[] = [];
    for (let i = 0; i < 30; i++) substreams.push((await pair.open(pair.near))[0]);
    const hold = pair.server.holdReads('test');
    for (const one of substreams)
      await pair.clock.run(() => one.writeAndFlush(Buffer.alloc(60_000)));
    pair.client.run(() => pair.client.end());
    const again = pair.client.run(() => pair.client.shutdown('output'));
    pair.clock.run(() => hold.release());
    expect(pair.far.probes.map(({ bytes }) => bytes)).toEqual(Array(30).fill(60_000));
    expect([again.isSuccess, substreams[0]!.isOpen]).toEqual([true, false]);
  });

  it('settles a polite end that did not come so far', async () => {
    const pair = yamuxPair({ capacityBytes: 16 * 1024 });
    const [channel] = await pair.open(pair.near);
    pair.server.holdReads('test');
    fill(pair, channel);
    const ending = pair.client.run(() => pair.client.shutdown('output'));
    pair.client.run(() => pair.client.abort());
    await expect(ending).rejects.toThrow('the channel is closed');
  });

  it('comes with the removal of the handler', async () => {
    const pair = yamuxPair();
    const [, probe] = await pair.open(pair.near);
    pair.client.run(() => pair.client.pipeline.remove(pair.near.handler));
    expect(probe.events).toEqual(['inactive local by local']);
  });
});

describe('a drain', () => {
  it('sends a go away, and waits for the substreams', async () => {
    const pair = yamuxPair();
    const { near, far } = pair;
    const [busy, probe] = await pair.open(near);
    const [idle] = await pair.open(near);
    let finish!: () => void;
    far.accepted[0]!.pipeline.addLast({
      userEventTriggered(ctx, event) {
        if (event instanceof DrainEvent) finish = event.hold('work').release;
        ctx.fireUserEventTriggered(event);
      },
    });
    pair.server.run(() => pair.server.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    expect(near.userEvents).toEqual([new GoAwayEvent(0)]);
    expect([pair.client, pair.server].map(isPeerLeaving)).toEqual([true, false]);
    expect([idle.closeInfo?.reason, busy.isOpen, pair.server.isOpen]).toEqual(['peer', true, true]);
    await expect(pair.open(near)).rejects.toThrow('takes no more substreams');
    write(pair, far.accepted[0]!, 'done');
    pair.clock.run(() => finish());
    expect(probe.text).toBe('done');
    expect([busy.closeInfo?.reason, pair.client.closeInfo?.reason]).toEqual(['peer', 'peer']);
  });

  it('ends no substream if the connection is to rest only, and is at rest when they have closed', async () => {
    const pair = yamuxPair();
    const { near, far } = pair;
    const [first] = await pair.open(near);
    const heard: unknown[] = [];
    far.accepted[0]!.pipeline.addLast({
      userEventTriggered(ctx, event) {
        if (event instanceof DrainEvent) heard.push(event.endsChannel);
        ctx.fireUserEventTriggered(event);
      },
    });
    let rests = 0;
    const event = new DrainEvent(10_000, () => {
      rests += 1;
    });
    pair.server.run(() => pair.server.pipeline.fireUserEventTriggered(event));
    const [second] = await pair.open(near);
    expect([near.userEvents, heard]).toEqual([[], [false]]);
    expect([first.isOpen, second.isOpen, event.holds, rests]).toEqual([
      true,
      true,
      ['substreams'],
      0,
    ]);
    pair.client.run(() => first.close());
    pair.client.run(() => second.close());
    for (const channel of far.accepted) pair.server.run(() => channel.close());
    expect([event.holds, rests, pair.server.isEnding]).toEqual([[], 1, false]);
  });

  it('refuses substreams that were opened before the peer heard of it', async () => {
    const pair = yamuxPair();
    const hold = pair.client.holdReads('test');
    const [kept] = await pair.open(pair.far);
    pair.server.run(() => pair.server.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    expect(kept.isActive).toBe(true);
    const [, refused] = await pair.open(pair.near);
    pair.clock.run(() => hold.release());
    expect(refused.events[0]).toContain('refused substream 1');
  });
});

it('measures the way to the peer and back, once for all that ask', async () => {
  const pair = yamuxPair();
  const hold = pair.server.holdReads('test');
  const pings = pair.clock.run(() => [pair.near.handler.ping(), pair.near.handler.ping()]);
  pair.clock.advance(40);
  pair.clock.run(() => hold.release());
  expect(await Promise.all(pings)).toEqual([40, 40]);
  const lost = pair.near.handler.ping();
  pair.client.run(() => pair.client.abort());
  await expect(lost).rejects.toThrow('closed (local)');
});
