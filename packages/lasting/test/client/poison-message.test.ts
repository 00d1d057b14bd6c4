import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  silentLogger,
} from '@headrace/core';
import { linksOf } from '@headrace/lasting';
import { afterEach, describe, expect, it } from 'vitest';
import { LastingWorld } from './lasting-world.ts';

let world: LastingWorld;
afterEach(async () => {
  await world.end();
  expect(world.clock.pendingTimers).toBe(0);
});

/** Notes the lengths of messages. */
class Lengths implements Handler {
  readonly all: number[] = [];

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.all.push(bytes.length);
  }
}

const frames = (maxFrameLength: number) => () => [...lengthPrefixed({ maxFrameLength })];
const POISON = Buffer.from('poison');

type Outcome = 'throws' | 'is cut off' | 'passes on';

/** A handler of links that fails at the messages that contain POISON, as a parser with an error does. */
class Fails implements Handler {
  /** The next outcomes; then it throws. */
  next: Outcome[] = [];
  error = new Error('no such byte');

  channelRead(ctx: Context, bytes: Buffer): void {
    const outcome = bytes.includes(POISON) ? (this.next.shift() ?? 'throws') : 'passes on';
    if (outcome === 'throws') throw this.error;
    if (outcome === 'passes on') ctx.fireChannelRead(bytes);
    else ctx.close('reset');
  }
}

interface Ends {
  readonly client: Channel;
  readonly server: Channel;
  /** The messages that each end has read. */
  readonly atClient: Lengths;
  readonly atServer: Lengths;
  /** Number of links so far. */
  links(): number;
}

async function connect(
  serverFrames: () => readonly Handler[],
  clientFrames: () => readonly Handler[],
): Promise<Ends> {
  const atServer = new Lengths();
  const atClient = new Lengths();
  world = new LastingWorld(() => atServer);
  let count = 0;
  world.frames = () => {
    count += 1;
    return serverFrames();
  };
  await world.up();
  const client = await world.connect(atClient, {
    bootstrap: new Bootstrap()
      .options({ logger: silentLogger, clock: world.clock })
      .handler((link) => void link.pipeline.addLast(...clientFrames())),
  });
  return { client, server: world.channels[0]!, atClient, atServer, links: () => count };
}

async function write(channel: Channel, bytes: number): Promise<string> {
  const writing = channel.writeAndFlush(Buffer.alloc(bytes));
  await world.pass(10);
  return writing.then(
    () => 'ok',
    (error: EncodeError) => error.code,
  );
}

describe('a message that is longer than a link takes', () => {
  const ROWS = [
    { from: 'client', server: 1000, client: 100_000 },
    { from: 'client', server: 100_000, client: 1000 },
    { from: 'server', server: 1000, client: 100_000 },
    { from: 'server', server: 100_000, client: 1000 },
  ] as const;
  for (const { from, server, client } of ROWS) {
    it(`fails at its writer, and later ones arrive: ${from}, limits ${server} and ${client}`, async () => {
      const ends = await connect(frames(server), frames(client));
      const read = from === 'client' ? ends.atServer.all : ends.atClient.all;
      expect(await write(ends[from], 999)).toBe('ok');
      expect(await write(ends[from], 1000)).toBe('HR_ERR_MESSAGE_NOT_ENCODABLE');
      expect(await write(ends[from], 20)).toBe('ok');
      await world.pass(2000);
      expect(read).toEqual([999, 20]);
      expect(ends.links()).toBe(1);
    });
  }

  it('does not come about by putting short messages into one frame', async () => {
    const { client, atServer, links } = await connect(frames(100), frames(100));
    for (let i = 0; i < 50; i++) client.write(Buffer.alloc(10));
    client.flush();
    await world.pass(2000);
    expect(atServer.all).toEqual(Array(50).fill(10));
    expect(links()).toBe(1);
  });

  it('ends the channel with its number and the limit, if it was kept when a link with a lower limit came', async () => {
    let limit = 100_000;
    const { client, server, atServer, links } = await connect(
      () => frames(limit)(),
      frames(100_000),
    );
    expect(await write(client, 10)).toBe('ok');
    await world.down();
    expect(await write(client, 5000)).toBe('ok');
    limit = 1000;
    await world.up();
    await world.pass(2000);
    expect(client.closeInfo?.error).toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
      details: { message: 2, bytes: 5000, most: 999 },
    });
    expect(server.closeInfo?.reason).toBe('reset');
    expect([atServer.all, links()]).toEqual([[10], 2]);
  });
});

describe('a message that ends its link for another reason', () => {
  const ERRORS = [new RangeError('no such byte'), new DecodeError('FRAME_CORRUPT', 'no such byte')];
  for (const error of ERRORS) {
    it(`ends the channel after three links, from a client, and both ends learn why: ${error.name}`, async () => {
      const failing = (): Handler => Object.assign(new Fails(), { error });
      const ends = await connect(() => [...frames(1000)(), failing()], frames(1000));
      ends.client.writeAndFlush(POISON);
      await world.pass(5000);
      expect(ends.server.closeInfo?.error).toMatchObject({
        code: 'HR_ERR_MESSAGE_REFUSED',
        message: 'message 1 of the peer ended 3 links in a row: no such byte',
      });
      expect(ends.client.closeInfo?.error).toMatchObject({
        code: 'HR_ERR_RESUME_GONE',
        message: expect.stringContaining('the next message ended several links in a row'),
      });
      expect(world.table.counters.gone.refused).toBe(1);
      // The fourth brings the refusal.
      expect(ends.links()).toBe(4);
    });
  }

  it('ends the channel after three links, from a server', async () => {
    const ends = await connect(frames(1000), () => [...frames(1000)(), new Fails()]);
    ends.server.writeAndFlush(POISON);
    await world.pass(5000);
    expect(ends.client.closeInfo?.error).toMatchObject({
      message: 'message 1 of the peer ended 3 links in a row: no such byte',
    });
    expect(ends.links()).toBe(3);
  });

  it('ends the channel after three links that cannot write it', async () => {
    const refusing = (): Handler => ({
      write(ctx, message) {
        const { byteLength } = message as Buffer;
        if (byteLength === 8) throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no such bytes');
        return ctx.write(message);
      },
    });
    const ends = await connect(frames(1000), () => [...frames(1000)(), refusing()]);
    ends.client.writeAndFlush(Buffer.alloc(7));
    await world.pass(5000);
    expect(ends.client.closeInfo?.error).toMatchObject({
      message: 'message 1 ended 3 links in a row: no such bytes',
    });
    expect(ends.links()).toBe(3);
  });

  it('does not end a channel that goes on between, or whose links are lost otherwise between', async () => {
    const next: Outcome[] = [];
    const failing = (): Handler => Object.assign(new Fails(), { next });
    const ends = await connect(() => [...frames(1000)(), failing()], frames(1000));
    for (const read of [[6], [6, 6]]) {
      next.push('throws', 'throws', 'passes on');
      ends.client.writeAndFlush(POISON);
      await world.pass(1000);
      expect(ends.atServer.all).toEqual(read);
    }
    next.push('throws', 'throws', 'is cut off', 'throws', 'throws', 'passes on');
    ends.client.writeAndFlush(POISON);
    await world.pass(1000);
    expect(ends.server.isOpen).toBe(true);
    expect(ends.atServer.all).toEqual([6, 6, 6]);
  });

  it('does not end a channel whose refused links lie far apart', async () => {
    const ends = await connect(frames(1000), frames(1000));
    for (let i = 0; i < 5; i++) {
      await world.pass(301_000);
      world.links[0]!.pipeline.fireExceptionCaught(new Error('of the application'));
      await world.pass(1000);
    }
    expect([ends.client.isOpen, ends.server.isOpen, ends.links()]).toEqual([true, true, 6]);
    expect(linksOf(ends.client).state.name).toBe('online');
  });
});
