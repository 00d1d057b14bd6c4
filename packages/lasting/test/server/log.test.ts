import { spread } from '@headrace/client';
import {
  AttributeKey,
  type Channel,
  type Context,
  type Handler,
  isHeadraceError,
} from '@headrace/core';
import { AuthHandler, PRINCIPAL, RequestHandler } from '@headrace/handlers';
import { holdMessage, type MessageHold } from '@headrace/handlers/call';
import {
  type HandOverReport,
  isLinked,
  LASTING_ERRORS,
  LinkResumedEvent,
  type ResumeHandlerOptions,
  ResumeTable,
  unacknowledged,
} from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { foldRecords } from '../../src/protocol/session-record.ts';
import { LoggedTransport } from '../../src/server/logged-transport.ts';
import { RestorableLog } from '../log/restorable-log.ts';
import { TwoProcesses } from './two-processes.ts';
import { WatchedLog } from './watched-log.ts';

const COUNT = new AttributeKey<number>('count');

/** Keeps what it reads, as texts. */
class Inbox implements Handler {
  readonly texts: string[] = [];

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.texts.push(String(bytes));
  }
}

/** Answers with the number of the message, which it saves. */
const counting = (): Handler => ({
  channelRead: (ctx: Context, bytes: Buffer) => {
    const count = (ctx.channel.attributes.get(COUNT) ?? 0) + 1;
    ctx.channel.attributes.set(COUNT, count);
    ctx.write(Buffer.from(`${bytes} ${count}`));
  },
  channelReadComplete: (ctx: Context) => ctx.flush(),
});

const ACCOUNTS: Partial<ResumeHandlerOptions> = {
  save: (channel) => channel.attributes.get(COUNT) ?? 0,
  restore: (channel, saved) => channel.attributes.set(COUNT, saved as number),
};

describe('a lasting channel that is in a log', () => {
  let world: TwoProcesses;
  let log: WatchedLog;
  let inbox: Inbox;

  beforeEach(() => {
    const clock = { now: () => world.clock.now() };
    log = new WatchedLog(memorySessionLog({ clock }));
    world = new TwoProcesses({ creditBytes: 1024, log });
    inbox = new Inbox();
    for (const process of [world.before, world.after]) process.settings = ACCOUNTS;
  });
  afterEach(() => world.end());

  const say = (client: Channel, ...texts: string[]): void => {
    for (const text of texts) client.writeAndFlush(Buffer.from(text));
  };

  it('goes on in another process when its own is killed, with what was saved of it', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    await world.before.kill();
    say(client, 'two', 'three');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
    await world.pass(1000);
    expect(unacknowledged(client)).toEqual([]);
    expect([client.isActive, world.after.channels.length]).toEqual([true, 1]);
  });

  it('sends nothing, and acknowledges nothing, before the log has it', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    log.isStopped = true;
    say(client, 'one');
    await world.pass(1000);
    expect([inbox.texts, unacknowledged(client).length]).toEqual([[], 1]);
    log.resume();
    await world.pass(1000);
    expect([inbox.texts, unacknowledged(client).length]).toEqual([['one 1'], 0]);
  });

  it('stores a message and its answer together, and nothing afterwards', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const before = log.appends;
    say(client, 'one');
    await world.pass(1000);
    expect([inbox.texts, log.appends - before]).toEqual([['one 1'], 1]);
  });

  it('does not tell the client that it is open before the log knows of it', async () => {
    await world.up(() => []);
    log.isStopped = true;
    const connecting = world.connect(inbox);
    await world.pass(1000);
    expect(world.before.table.size).toBe(1);
    log.resume();
    await world.pass(100);
    expect((await connecting).isActive).toBe(true);
  });

  it('takes what was taken and not stored a second time, in the other process alone', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    log.isStopped = true;
    say(client, 'one');
    await world.pass(10);
    expect(world.before.channels[0]!.attributes.get(COUNT)).toBe(1);
    await world.before.kill();
    log['waiting'] = [];
    log.isStopped = false;
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1']);
  });

  it('repeats a request whose answer was under way, and answers it once', async () => {
    const answers: ((text: string) => void)[] = [];
    const handle = () =>
      new Promise<Buffer>((resolve) => answers.push((text) => resolve(Buffer.from(text))));
    await world.up(() => [new RequestHandler({ concurrency: 10, order: 'completion', handle })]);
    const client = await world.connect(inbox);
    say(client, 'slow', 'quick');
    await world.pass(1);
    answers[1]!('quick');
    await world.pass(1000);
    expect(inbox.texts).toEqual(['quick']);
    await world.before.kill();
    await world.pass(2000);
    expect(answers).toHaveLength(3);
    answers[2]!('slow');
    await world.pass(1000);
    expect(inbox.texts).toEqual(['quick', 'slow']);
    await world.after.kill();
    await world.after.up();
    await world.pass(2000);
    expect([answers.length, inbox.texts.length]).toEqual([3, 2]);
  });

  it('tells a handler that a message was read before', async () => {
    const seen: (boolean | undefined)[] = [];
    await world.up(() => [
      { channelRead: (ctx: Context) => void seen.push(holdMessage(ctx.channel)?.isRepeated) },
    ]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1000);
    await world.before.kill();
    say(client, 'two');
    await world.pass(2000);
    expect(seen).toEqual([false, true, false]);
  });

  it('brings what waits for the credit of the client', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    await world.pass(1000);
    for (const link of world.before.links) link.abort();
    await world.settle();
    const [channel] = world.before.channels;
    const numbers = [...Array(60).keys()].map(String);
    for (const number of numbers) channel!.writeAndFlush(Buffer.from(number.padEnd(40, '.')));
    await world.pass(1);
    await world.before.kill();
    await world.pass(3000);
    const received = inbox.texts.map((text) => text.replaceAll('.', ''));
    expect(received).toEqual(numbers.slice(0, received.length));
    // The credit is enough for nine.
    expect(received.length).toBeGreaterThan(9);
    expect(client.isActive).toBe(true);
  });

  describe('that its client resumes in another process', () => {
    let client: Channel;
    let copy: Channel;
    beforeEach(async () => {
      await world.up(() => [counting()]);
      client = await world.connect(inbox);
      await world.pass(1000);
      [copy] = world.before.channels as [Channel];
    });

    it('has moved where it was, within two seconds', async () => {
      await world.before.kill();
      await world.pass(3000);
      expect([copy.closeInfo?.reason, world.before.table.size]).toEqual(['moved', 0]);
      say(client, 'one');
      await world.pass(100);
      expect([inbox.texts, world.after.table.size]).toEqual([['one 1'], 1]);
      // Nobody writes notes that have been read.
      expect(log.notes.size).toBe(0);
    });

    it('has moved when its window is over, if the note was lost', async () => {
      log.losesNotes = true;
      await world.before.kill();
      await world.pass(3000);
      expect(copy.isOpen).toBe(true);
      await world.pass(60_000);
      expect([copy.closeInfo?.reason, client.isActive]).toEqual(['moved', true]);
      expect(world.after.channels[0]!.isOpen).toBe(true);
    });

    it('is unreachable when its window is over and nobody has it', async () => {
      await world.after.down();
      await world.before.kill();
      await world.pass(59_000);
      expect(copy.isOpen).toBe(true);
      await world.pass(2000);
      expect([copy.closeInfo?.reason, log.removed.length]).toEqual(['unreachable', 1]);
    });

    it('is unreachable when its window is over and the log says nothing for its time', async () => {
      await world.after.down();
      await world.before.kill();
      await world.pass(59_000);
      log.isStopped = true;
      await world.pass(10_000);
      expect(copy.isOpen).toBe(true);
      await world.pass(2000);
      expect(copy.closeInfo?.reason).toBe('unreachable');
      log.resume();
    });
  });

  it('is served by one process: the copy of another one ends when it writes', async () => {
    log.losesNotes = true;
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const [copy] = world.before.channels;
    await world.before.kill();
    await world.pass(2000);
    expect([copy!.isOpen, world.after.channels.length]).toEqual([true, 1]);
    copy!.writeAndFlush(Buffer.from('of the copy'));
    await world.pass(10);
    expect(copy!.closeInfo?.reason).toBe('moved');
    say(client, 'one');
    await world.pass(100);
    expect([inbox.texts, world.before.table.size]).toEqual([['one 1'], 0]);
  });

  it('has no secret in the log that its client does not use any more', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const [id] = log.ids;
    const secrets = async () => foldRecords((await log.read(id!))!.records).state.secrets;
    const [first] = await secrets();
    for (const link of world.before.links) link.abort();
    await world.pass(1000);
    expect(isLinked(client)).toBe(true);
    await world.pass(100);
    const now = await secrets();
    expect(now).toHaveLength(1);
    expect(now).not.toContain(first);
  });

  it('is not taken from its client by a secret that the log still knows', async () => {
    await world.up(() => [counting()]);
    await world.after.down();
    const client = await world.connect(inbox);
    await world.pass(1000);
    const found = (await log.read([...log.ids][0]!))!;
    const { id, secrets } = foldRecords(found.records).state;
    for (const link of world.before.links) link.abort();
    await world.pass(2000);
    log.read = async () => found;
    const [link] = world.before.links;
    const shown = { id, secret: secrets[0]!, received: 0 };
    const verdict = world.before.table.lookUp(shown, link!, { childHandler: () => {} });
    expect(await verdict).toEqual({ gone: 'oldSecret' });
    say(client, 'one');
    await world.pass(1000);
    expect([inbox.texts, world.before.channels.length]).toEqual([['one 1'], 1]);
  });

  it('keeps a message until each of its holds is released, however often one of them is', async () => {
    const holds: (MessageHold | undefined)[] = [];
    await world.up(() => [
      {
        channelRead: ({ channel }: Context) =>
          void holds.push(holdMessage(channel), holdMessage(channel)),
      },
    ]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1000);
    for (let times = 0; times < 2; times++) holds[0]!.release();
    await world.pass(1000);
    await world.before.kill();
    await world.pass(2000);
    expect(holds.map((hold) => hold?.isRepeated)).toEqual([false, false, true, true]);
  });

  it('comes back to a process that has an old copy of it', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1000);
    await world.before.kill();
    say(client, 'two');
    await world.pass(2000);
    await world.before.up();
    await world.after.kill();
    say(client, 'three');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
    expect(world.before.channels).toHaveLength(2);
    expect(world.before.channels[0]!.closeInfo?.reason).toBe('moved');
  });

  it('goes on when the log fails for a while, whether it has stored something or not', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const { append } = log;
    let failures = 0;
    log.append = async (...call) => {
      failures += 1;
      if (failures > 4) return append.apply(log, call);
      if (failures % 2 === 0) await append.apply(log, call);
      throw new Error('the connection is gone');
    };
    say(client, 'one', 'two');
    await world.pass(5000);
    expect(inbox.texts).toEqual(['one 1', 'two 2']);
    await world.before.kill();
    say(client, 'three');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
  });

  it('is not taken for one of a slow client while the log stores nothing', async () => {
    await world.up(() => []);
    await world.connect(inbox);
    await world.pass(1000);
    log.isStopped = true;
    const [channel] = world.before.channels;
    for (let number = 0; number < 60; number++) {
      channel!.writeAndFlush(Buffer.from(`${number}`.padEnd(40, '.'))).onSettled(() => {});
      await world.pass(1);
    }
    await world.pass(60_000);
    expect(channel!.closeInfo).toBe(undefined);
    log.resume();
    await world.pass(5000);
    expect(inbox.texts).toHaveLength(60);
  });

  it.each([
    ['does not answer', () => new Promise<never>(() => {})],
    ['is full', () => Promise.reject(new Error('maximum bytes exceeded'))],
  ])(
    'waits, and does not take the server for one that does not read, while the log %s',
    async (_what, answer) => {
      await world.up(() => [counting()]);
      const client = await world.connect(inbox);
      await world.pass(1000);
      const { append } = log;
      log.append = answer;
      const written: string[] = [];
      for (let number = 1; number <= 100; number++) {
        written.push(`${number}`.padEnd(40, '.'));
        client.writeAndFlush(Buffer.from(written.at(-1)!)).onSettled(() => {});
        await world.pass(300);
      }
      expect([client.closeInfo, world.before.channels[0]!.closeInfo]).toEqual([
        undefined,
        undefined,
      ]);
      log.append = append;
      await world.pass(60_000);
      expect(inbox.texts).toEqual(written.map((text, at) => `${text} ${at + 1}`));
    },
  );

  it('closes if its client takes nothing, though the log stores all', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    client.autoRead = false;
    await world.pass(1000);
    const [channel] = world.before.channels;
    for (let number = 0; number < 90; number++) {
      channel!.writeAndFlush(Buffer.from(`${number}`.padEnd(40, '.'))).onSettled(() => {});
      await world.pass(1);
    }
    await world.pass(60_000);
    expect(channel!.closeInfo?.reason).toBe('slow-consumer');
  });

  it('takes all from a client that writes everything before it reads', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    client.autoRead = false;
    await world.pass(1000);
    // The credit is enough for nine of them, and for nine of their answers.
    const texts = Array.from({ length: 100 }, (_none, index) => `${index}`.padEnd(40, '.'));
    for (const text of texts) client.writeAndFlush(Buffer.from(text)).onSettled(() => {});
    await world.pass(20_000);
    expect([client.pendingOutboundBytes, unacknowledged(client).length]).toEqual([0, 0]);
    client.autoRead = true;
    await world.pass(5000);
    expect(inbox.texts).toEqual(texts.map((text, index) => `${text} ${index + 1}`));
    expect(world.before.channels[0]!.pendingOutboundBytes).toBe(0);
  });

  it('is not writable while more than its client takes is stored', async () => {
    let channel: Channel | undefined;
    const pushing = (): Handler => ({
      channelRead: (ctx: Context) => {
        ({ channel } = ctx);
        for (let left = 2000; left > 0 && channel.isWritable; left -= 1)
          ctx.write(Buffer.alloc(900)).onSettled(() => {});
        ctx.flush();
      },
    });
    await world.up(() => [pushing()]);
    const client = await world.connect(inbox);
    client.autoRead = false;
    await world.pass(1000);
    for (let number = 0; number < 100; number++) {
      say(client, `${number}`);
      await world.pass(60);
    }
    await world.pass(1000);
    expect(unacknowledged(client)).toEqual([]);
    expect([channel!.isOpen, channel!.isWritable]).toEqual([true, false]);
    expect(channel!.pendingOutboundBytes).toBeLessThan(200_000);
    client.autoRead = true;
    await world.pass(20_000);
    expect([channel!.isWritable, channel!.pendingOutboundBytes]).toEqual([true, 0]);
  });

  it('closes if what is stored for its client is more than its output may have', async () => {
    const pushing = (): Handler => ({
      channelRead: (ctx: Context) => {
        for (let left = 50; left > 0; left -= 1) ctx.write(Buffer.alloc(900)).onSettled(() => {});
        ctx.flush();
      },
    });
    await world.up(() => [pushing()]);
    const client = await world.connect(inbox);
    client.autoRead = false;
    await world.pass(1000);
    const [channel] = world.before.channels;
    let most = 0;
    for (let number = 0; number < 100 && channel!.isOpen; number++) {
      say(client, `${number}`);
      await world.pass(60);
      most = Math.max(most, channel!.pendingOutboundBytes);
    }
    expect(channel!.closeInfo?.reason).toBe('slow-consumer');
    expect([most > 1024 * 1024, most < 1200 * 1024]).toEqual([true, true]);
    const [id] = log.ids;
    expect(await log.read(id!)).toBe(undefined);
  });

  it('closes if its client takes nothing of what waits, though it goes on writing', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    client.autoRead = false;
    await world.pass(1000);
    for (let number = 0; number < 150; number++) {
      client.writeAndFlush(Buffer.from(`${number}`.padEnd(40, '.'))).onSettled(() => {});
    }
    await world.pass(1000);
    expect(unacknowledged(client)).toEqual([]);
    expect(world.before.channels[0]!.isOpen).toBe(true);
    await world.pass(60_000);
    expect(world.before.channels[0]!.closeInfo?.reason).toBe('slow-consumer');
  });

  it('is stored again when the log has lost it', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1000);
    const [id] = log.ids;
    const { revision } = (await log.read(id!))!;
    await log.remove(id!, revision);
    say(client, 'two');
    await world.pass(1000);
    await world.before.kill();
    say(client, 'three');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
  });

  it('stays in the log while it is idle', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(3 * log.keepMs);
    await world.before.kill();
    say(client, 'one');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['one 1']);
  });

  it('leaves the log when it ends', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    await world.pass(100);
    const [id] = log.ids;
    client.close();
    await world.pass(1000);
    expect(log.removed).toEqual([id]);
    expect(await log.read(id!)).toBe(undefined);
  });

  it.each(['remove', 'append'] as const)(
    'leaves the log when it can be reached again, if it ended while %s failed',
    async (name) => {
      await world.up(() => [counting()]);
      const client = await world.connect(inbox);
      await world.pass(1000);
      const [id] = log.ids;
      const { append } = log;
      const fails = async (): Promise<never> => {
        throw new Error('no connection');
      };
      if (name === 'remove') log.remove = fails;
      // It was stored, and nobody knows it.
      log.append = async (...call) => {
        await append.apply(log, call);
        return fails();
      };
      say(client, 'one');
      await world.pass(100);
      world.before.channels[0]!.abort();
      await world.pass(log.keepMs / 2);
      expect((await log.read(id!)) !== undefined).toBe(name === 'remove');
      delete (log as Partial<WatchedLog>).remove;
      delete (log as Partial<WatchedLog>).append;
      await world.pass(6000);
      expect(await log.read(id!)).toBe(undefined);
    },
  );

  it('is not resumed in its process when it ended while its log failed', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    log.remove = () => Promise.reject(new Error('no connection'));
    for (const link of world.before.links) link.abort();
    world.before.channels[0]!.abort();
    await world.after.down();
    await world.pass(3000);
    expect([client.isOpen, world.before.channels.length]).toEqual([false, 1]);
  });

  it('goes on elsewhere when its table is closed', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1000);
    await world.before.kill();
    world.before.table.close();
    await world.pass(2000);
    say(client, 'two');
    await world.pass(1000);
    expect(inbox.texts).toEqual(['one 1', 'two 2']);
  });

  it('goes into the log whole by a hand-over, when what is under way is done', async () => {
    let answer: (() => void) | undefined;
    const handle = (bytes: Buffer) =>
      new Promise<Buffer>((resolve) => {
        answer = () => resolve(bytes);
      });
    await world.up(() => [new RequestHandler({ concurrency: 10, order: 'completion', handle })]);
    const client = await world.connect(inbox);
    say(client, 'slow');
    await world.pass(100);
    const over = world.before.table.handOver();
    await world.pass(100);
    expect(world.before.channels[0]!.isOpen).toBe(true);
    answer!();
    await world.pass(100);
    expect(await over).toMatchObject({ moved: 1, failed: 0 });
    expect(world.before.channels[0]!.closeInfo?.reason).toBe('moved');
    await world.before.down();
    await world.pass(2000);
    expect([inbox.texts, world.after.channels.length]).toEqual([['slow'], 1]);
    say(client, 'next');
    await world.pass(100);
    answer!();
    await world.pass(1000);
    expect(inbox.texts).toEqual(['slow', 'next']);
  });

  it('leaves its client in silence for less than a second by a hand-over', async () => {
    await world.up(() => [counting()]);
    let awayMs = 0;
    const resumed = {
      userEventTriggered: (_ctx: Context, event: unknown) => {
        if (event instanceof LinkResumedEvent) awayMs = Math.max(awayMs, event.awayMs);
      },
    };
    const client = await world.connect(resumed, { retry: spread(), random: () => 0.99 });
    say(client, 'one');
    await world.pass(500);
    // There and back, and there again.
    for (const { table } of [world.before, world.after, world.before]) {
      const over = table.handOver();
      await world.passSlowly(1500);
      expect(await over).toMatchObject({ moved: 1, failed: 0 });
    }
    expect(awayMs).toBeLessThan(1000);
    expect(world.after.table.size - world.after.table.detached).toBe(1);
  });

  it('stays for its client, when that reaches only the process that has left it to the log', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(500);
    await world.after.down();
    const over = world.before.table.handOver();
    await world.passSlowly(3000);
    expect(await over).toMatchObject({ moved: 1 });
    expect(client.isActive).toBe(true);
    await world.after.up();
    await world.passSlowly(2000);
    say(client, 'two');
    await world.passSlowly(100);
    expect(inbox.texts).toEqual(['one 1', 'two 2']);
    expect(world.before.table.counters.gone.oldSecret).toBe(0);
  });

  it('comes back to the process that has left it to the log, if there is no other', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox, { retry: () => 50 });
    say(client, 'one');
    await world.pass(500);
    await world.after.down();
    const over = world.before.table.handOver();
    await world.passSlowly(9000);
    expect(await over).toMatchObject({ moved: 1 });
    expect(world.before.channels).toHaveLength(1);
    say(client, 'two');
    await world.passSlowly(3000);
    expect([inbox.texts, world.before.channels.length]).toEqual([['one 1', 'two 2'], 2]);
  });

  describe('while a process hands its channels over', () => {
    let answer: () => void;
    let over: Promise<HandOverReport>;
    let here: Channel;
    let elsewhere: Channel;

    /** One channel is here, and answers "slow" when `answer` is called. The other one is in the other process. */
    const begin = async (): Promise<void> => {
      const handle = (bytes: Buffer): Buffer | Promise<Buffer> =>
        String(bytes) === 'slow'
          ? new Promise((resolve) => {
              answer = () => resolve(bytes);
            })
          : bytes;
      await world.up(() => [new RequestHandler({ concurrency: 10, order: 'completion', handle })]);
      const { network } = world;
      const addresses = ['after', 'before'].map((name) => ({ network, name }));
      here = await world.connect({});
      elsewhere = await world.connect(inbox, { addresses, retry: () => 50 });
      say(here, 'slow');
      say(elsewhere, 'one');
      await world.pass(500);
      expect([world.before, world.after].map(({ table }) => table.size)).toEqual([1, 1]);
    };
    const end = async (): Promise<void> => {
      await world.after.up();
      await world.passSlowly(3000);
      say(elsewhere, 'two');
      await world.passSlowly(200);
      expect(inbox.texts).toEqual(['one', 'two']);
      expect([here, elsewhere].map(({ isActive }) => isActive)).toEqual([true, true]);
    };

    it('does not come to it', async () => {
      await begin();
      over = world.before.table.handOver();
      const channels = over.then(() => world.before.channels.length);
      await world.after.kill();
      await world.passSlowly(1000);
      answer();
      await world.passSlowly(500);
      expect(await over).toMatchObject({ moved: 1, failed: 0 });
      expect(await channels).toBe(1);
      await end();
    });

    it('leaves it again, if it was about to come before', async () => {
      await begin();
      const { append } = log;
      let isAboutToCome = false;
      log.append = async (...call) => {
        isAboutToCome = true;
        await new Promise<void>((resolve) => void world.clock.schedule(resolve, 300));
        return append.apply(log, call);
      };
      await world.after.kill();
      while (!isAboutToCome) await world.passSlowly(10);
      log.append = append;
      over = world.before.table.handOver();
      answer();
      await world.passSlowly(1000);
      expect(await over).toMatchObject({ moved: 2, failed: 0 });
      expect(world.before.table.size).toBe(0);
      await end();
    });

    it('does not wait for one whose arrival failed', async () => {
      await begin();
      await world.after.kill();
      const found = (await log.read([...log.ids][1]!))!;
      const { id, secrets } = foldRecords(found.records).state;
      const failing = vi.spyOn(LoggedTransport.prototype, 'claim');
      failing.mockRejectedValueOnce(new Error('no claim'));
      const shown = { id, secret: secrets[0]!, received: 0 };
      const [link] = world.before.links;
      const arrival = world.before.table.lookUp(shown, link!, { childHandler: () => {} });
      await expect(arrival).rejects.toThrow('no claim');
      over = world.before.table.handOver();
      answer();
      await world.passSlowly(1000);
      expect(await over).toMatchObject({ moved: 1, failed: 0 });
    });
  });

  it('goes into the log by a hand-over, though it writes without a pause', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const { append } = log;
    log.append = async (...call) => {
      await new Promise<void>((resolve) => void world.clock.schedule(resolve, 20));
      return append.apply(log, call);
    };
    const [channel] = world.before.channels;
    let count = 0;
    const writeOn = (): void => {
      count += 1;
      if (channel!.isOpen) channel!.writeAndFlush(Buffer.from(`${count}`)).onSettled(() => {});
      if (channel!.isOpen) world.clock.schedule(writeOn, 1);
    };
    writeOn();
    await world.pass(50);
    const over = world.before.table.handOver({ takeMs: 1000 });
    await world.pass(1500);
    expect(await over).toMatchObject({ moved: 1, failed: 0 });
    await world.before.kill();
    await world.pass(2000);
    expect(inbox.texts).toEqual(inbox.texts.map((_text, index) => `${index + 1}`));
    expect([inbox.texts.length > 40, client.isActive]).toEqual([true, true]);
  });

  it('goes into the log by a hand-over, though it was silent since the sign-in', async () => {
    const signIn = () => [new AuthHandler({ authenticate: () => ({ principal: {} }) })];
    await world.up(signIn);
    const client = await world.connect(inbox);
    await world.pass(1000);
    world.before.channels[0]!.attributes.set(PRINCIPAL, { name: 'ann' });
    const over = world.before.table.handOver({ takeMs: 500 });
    await world.pass(100);
    expect(await over).toMatchObject({ moved: 1, failed: 0 });
    expect([log.appends > 0, client.isActive]).toEqual([true, true]);
  });

  it('stays, and goes on, when the log does not take it in time', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    log.isStopped = true;
    const over = world.before.table.handOver({ takeMs: 500 });
    await world.pass(600);
    const { moved, failures } = await over;
    expect([moved, failures[0]?.message]).toEqual([0, expect.stringContaining('within 500 ms')]);
    log.resume();
    say(client, 'one');
    await world.pass(1000);
    expect([inbox.texts, world.before.table.size]).toEqual([['one 1'], 1]);
  });

  it('is handed over through a log only', async () => {
    await expect(new ResumeTable().handOver()).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_CONFLICT',
      message: expect.stringContaining('handOver: the table has no log'),
    });
    const to = () => Promise.reject(new Error('never called'));
    await expect(world.before.table.handOver({ to } as never)).rejects.toThrow(/no option to/);
  });

  it('is not in the log before the sign-in, and then with its PRINCIPAL', async () => {
    const signIn = () => [
      new AuthHandler({
        authenticate: (bytes) => ({ principal: { name: String(bytes) } }),
        replies: { accepted: () => Buffer.from('welcome') },
      }),
      {
        channelRead: (ctx: Context) => {
          const { name } = ctx.channel.attributes.get(PRINCIPAL) as { name: string };
          ctx.writeAndFlush(Buffer.from(name));
        },
      },
    ];
    await world.up(signIn);
    const client = await world.connect(inbox);
    await world.pass(1000);
    expect(log.appends).toBe(0);
    say(client, 'ann');
    await world.pass(1000);
    expect([inbox.texts, log.appends > 0]).toEqual([['welcome'], true]);
    await world.before.kill();
    say(client, 'who?');
    await world.pass(2000);
    expect(inbox.texts).toEqual(['welcome', 'ann']);
  });

  it('closes with the error of save, and of a value that is not plain data', async () => {
    world.before.settings = { save: () => new Map() };
    const errors: Error[] = [];
    await world.up(() => [
      {
        exceptionCaught: (ctx: Context, error: Error) => {
          errors.push(error);
          ctx.close('error');
        },
      },
    ]);
    void world.connect(inbox).catch(() => {});
    await world.pass(1000);
    expect(world.before.channels[0]!.closeInfo?.error?.message).toContain('what save returned');
  });

  it('closes with an error if its PRINCIPAL is not plain data, and nobody saves it', async () => {
    world.before.settings = {};
    await world.up(() => [new AuthHandler({ authenticate: () => ({ principal: new Date(0) }) })]);
    const client = await world.connect(inbox);
    say(client, 'ann');
    await world.pass(1000);
    const { error } = world.before.channels[0]!.closeInfo!;
    expect(error?.message).toContain('its PRINCIPAL is not plain data');
  });

  it('is gone for a client whose secret is wrong, and when its records are not valid', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const { read } = log;
    log.read = async (id) => ({ ...(await read.call(log, id))!, records: [Buffer.from('?')] });
    await world.before.kill();
    await world.pass(3000);
    expect(isHeadraceError(client.closeInfo?.error, LASTING_ERRORS.RESUME_GONE)).toBe(true);
    expect(world.after.table.counters.gone).toMatchObject({ unreadable: 1, unknown: 0 });
  });

  it('waits for the client while the log cannot be read', async () => {
    await world.up(() => [counting()]);
    const client = await world.connect(inbox);
    await world.pass(1000);
    const { read } = log;
    log.read = () => Promise.reject(new Error('no connection'));
    await world.before.kill();
    await world.pass(5000);
    expect([client.isActive, isLinked(client)]).toEqual([true, false]);
    log.read = read;
    say(client, 'one');
    await world.pass(5000);
    expect(inbox.texts).toEqual(['one 1']);
  });

  it.each(['read', 'append'] as const)(
    'is found again after a %s that never ended',
    async (name) => {
      await world.up(() => [counting()]);
      const client = await world.connect(inbox);
      await world.pass(1000);
      log[name] = () => new Promise<never>(() => {});
      await world.before.kill();
      await world.pass(15_000);
      expect([client.isActive, isLinked(client)]).toEqual([true, false]);
      expect(world.after.table.size).toBeLessThan(2);
      delete (log as Partial<WatchedLog>)[name];
      say(client, 'one');
      await world.pass(20_000);
      expect(inbox.texts).toEqual(['one 1']);
    },
  );

  it('refuses a log that keeps channels for less than two windows', () => {
    const short = memorySessionLog({ keepMs: 100_000 });
    expect(() => new ResumeTable({ log: short, windowMs: 60_000 })).toThrow(/keepMs of the log/);
  });
});

describe('a lasting channel whose log has lost its newest records', () => {
  let world: TwoProcesses;
  let log: RestorableLog;
  let inbox: Inbox;
  let client: Channel;

  beforeEach(async () => {
    log = new RestorableLog();
    world = new TwoProcesses({ creditBytes: 1024, log });
    inbox = new Inbox();
    for (const process of [world.before, world.after]) process.settings = ACCOUNTS;
    await world.up(() => [
      {
        channelRead: (ctx: Context, bytes: Buffer) => {
          if (String(bytes) !== 'unanswered') ctx.fireChannelRead(bytes);
        },
      },
      counting(),
    ]);
    client = await world.connect(inbox);
  });
  afterEach(() => world.end());

  const say = async (text: string): Promise<void> => {
    client.writeAndFlush(Buffer.from(text)).onSettled(() => {});
    await world.pass(1000);
  };

  it('goes on in its process, and is stored again', async () => {
    await say('one');
    log.takeSnapshot();
    await say('two');
    log.restore();
    await say('three');
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
    expect(world.before.channels[0]!.isOpen).toBe(true);
    await world.before.kill();
    await say('four');
    expect(inbox.texts.at(-1)).toBe('four 4');
    expect(world.after.channels).toHaveLength(1);
  });

  it('goes on in its process after its link was lost, and is stored again', async () => {
    await say('one');
    log.takeSnapshot();
    await say('two');
    log.restore();
    await world.after.down();
    for (const link of world.before.links) link.abort();
    await world.pass(1000);
    await say('three');
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
    expect([world.before.channels.length, world.after.channels.length]).toEqual([1, 0]);
  });

  it('goes on in a process that took it over, and is stored again', async () => {
    await say('one');
    log.takeSnapshot();
    await world.before.kill();
    await say('two');
    log.restore();
    await say('three');
    expect(inbox.texts).toEqual(['one 1', 'two 2', 'three 3']);
    expect(world.after.channels).toHaveLength(1);
    expect(world.after.channels[0]!.isOpen).toBe(true);
  });

  it.each([
    ['messages that the client has', 'two'],
    ['messages of the client', 'unanswered'],
  ])(
    'is gone at once when its process is gone, too, and the log has lost %s',
    async (_what, text) => {
      await say('one');
      log.takeSnapshot();
      await say(text);
      await world.before.kill();
      log.restore();
      await world.pass(2000);
      expect(isHeadraceError(client.closeInfo?.error, LASTING_ERRORS.RESUME_GONE)).toBe(true);
      expect(inbox.texts).toEqual(text === 'two' ? ['one 1', 'two 2'] : ['one 1']);
    },
  );

  it('tells the server which channels are gone', async () => {
    await say('one');
    log.takeSnapshot();
    await say('two');
    await world.before.kill();
    log.restore();
    await world.pass(2000);
    expect(world.after.table.counters.gone.rolledBack).toBe(1);
  });

  it('ends in an old copy, although the log has an earlier record of another process', async () => {
    await say('one');
    const [id] = log.ids;
    log.takeSnapshot();
    await world.before.kill();
    await say('two');
    const { revision } = (await log.read(id!))!;
    // Another writer.
    const { records } = (await log.read(id!))!;
    expect(records.length).toBeGreaterThan(0);
    await log.append(id!, Buffer.from('not a record'), { after: revision, replaces: true });
    await say('three');
    expect(world.after.channels[0]!.closeInfo?.reason).toBe('moved');
  });
});
