import { spread } from '@headrace/client';
import {
  type Channel,
  type Context,
  DrainEvent,
  type Handler,
  isHeadraceError,
} from '@headrace/core';
import { AuthenticatedEvent, AuthHandler, PRINCIPAL, RequestHandler } from '@headrace/handlers';
import {
  acknowledged,
  type HandOverReport,
  LASTING_ERRORS,
  LinkResumedEvent,
  linksOf,
  unacknowledged,
} from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TwoProcesses } from './two-processes.ts';
import { WatchedLog } from './watched-log.ts';

/** Keeps what it reads, as texts. */
class Inbox implements Handler {
  readonly texts: string[] = [];

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.texts.push(String(bytes));
  }
}

const echo = (): Handler => ({
  channelRead: (ctx: Context, bytes: Buffer) => void ctx.write(bytes),
  channelReadComplete: (ctx: Context) => ctx.flush(),
});

const signIn = (): Handler => new AuthHandler({ authenticate: () => ({ principal: {} }) });

describe('a hand-over of lasting channels', () => {
  let world: TwoProcesses;
  let log: WatchedLog;
  let inbox: Inbox;

  beforeEach(() => {
    const clock = { now: () => world.clock.now() };
    log = new WatchedLog(memorySessionLog({ clock }));
    world = new TwoProcesses({ creditBytes: 1024, log });
    inbox = new Inbox();
  });
  afterEach(() => world.end());

  const say = (client: Channel, ...texts: string[]): void => {
    for (const text of texts) client.writeAndFlush(Buffer.from(text));
  };

  it('brings a channel and its messages to another process: the client notices a new link only', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    expect(await world.handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    expect(world.before.table.size).toBe(0);
    expect(world.before.channels[0]!.closeInfo).toMatchObject({ reason: 'moved' });
    await world.before.down();
    say(client, 'two', 'three');
    await world.passSlowly(1000);
    expect(inbox.texts).toEqual(['one', 'two', 'three']);
    expect(client.isActive).toBe(true);
    await acknowledged(client);
    expect([world.after.channels.length, world.after.table.detached]).toEqual([1, 0]);
  });

  it('tells the client so, and the client does not wait as after a loss when it knows no other place', async () => {
    await world.up(() => [echo()]);
    const lost: unknown[] = [];
    const client = await world.connect(inbox, {
      addresses: [{ network: world.network, name: 'before' }],
      retry: () => 60_000,
    });
    linksOf(client).on('loss', ({ kind, during }) => void lost.push([during, kind]));
    await world.pass(1);
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    await world.passSlowly(2000);
    // It asks the place again at once, which no longer has the channel.
    expect(lost.slice(0, 2)).toEqual([
      ['online', 'moved'],
      ['readying', 'refused'],
    ]);
  });

  it('takes along what the client has not got: what is kept, and what waits for credit', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    for (const link of world.before.links) link.abort();
    await world.settle();
    const [channel] = world.before.channels;
    const writes = Array.from({ length: 30 }, (_, number) => {
      const write = channel!.write(Buffer.from(`${number} ${'x'.repeat(40)}`));
      channel!.flush();
      return write;
    });
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    expect(writes.map(({ isSuccess }) => isSuccess)).not.toContain(false);
    await world.before.down();
    await world.passSlowly(1000);
    world.after.channels[0]!.writeAndFlush(Buffer.from('30'));
    await world.passSlowly(1000);
    expect(inbox.texts.map((text) => Number(text.split(' ')[0]))).toEqual([...Array(31).keys()]);
    expect(client.isActive).toBe(true);
  });

  it('waits until requests are answered, and lets further messages through for half of the time', async () => {
    const answers: (() => void)[] = [];
    await world.up(() => [
      new RequestHandler({
        concurrency: 10,
        handle: (bytes: Buffer) =>
          new Promise<Buffer>((resolve) => answers.push(() => resolve(bytes))),
      }),
    ]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    const over = world.before.table.handOver({ restMs: 1000 });
    await world.settle();
    say(client, 'two');
    await world.pass(600);
    say(client, 'three');
    await world.pass(1);
    // It is not taken here any more.
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer();
    await world.pass(10);
    expect(await over).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.before.down();
    await world.passSlowly(1000);
    answers[2]!();
    await world.passSlowly(100);
    expect(inbox.texts).toEqual(['one', 'two', 'three']);
  });

  it('leaves a channel that does not come to rest where it is, says what is under way, and goes on', async () => {
    await world.up(() => [new RequestHandler({ handle: () => new Promise<Buffer>(() => {}) })]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    const { moved, failures } = await world.handOver({ restMs: 500 }, 501);
    expect([moved, failures.length]).toEqual([0, 1]);
    expect(isHeadraceError(failures[0], LASTING_ERRORS.HAND_OVER_FAILED)).toBe(true);
    expect(failures[0]!.message).toContain('did not come to rest: requests');
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 0]);
    // A drain after it knows of the requests, too.
    const drain = new DrainEvent(1000);
    world.before.channels[0]!.pipeline.fireUserEventTriggered(drain);
    expect(drain.holds).toEqual(['requests']);
    expect(client.isActive).toBe(true);
  });

  it('a hand-over while the server shuts down ends no channel on which a request is under way', async () => {
    let answer: (() => void) | undefined;
    await world.up(() => [
      new RequestHandler({
        handle: (bytes: Buffer) =>
          new Promise<Buffer>((resolve) => {
            answer = () => resolve(bytes);
          }),
      }),
    ]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    const [channel] = world.before.channels;
    const drain = new DrainEvent(10_000);
    channel!.pipeline.fireUserEventTriggered(drain);
    expect(await world.handOver({ restMs: 100 }, 101)).toMatchObject({ moved: 0 });
    expect([drain.holds, channel!.isEnding]).toEqual([['requests'], false]);
    answer!();
    await world.passSlowly(100);
    expect([inbox.texts, channel!.isEnding]).toEqual([['one'], true]);
  });

  it('goes on here when the log does not take it, with what came and was written meanwhile', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    await world.pass(100);
    log.isStopped = true;
    const over = world.before.table.handOver({ takeMs: 500 });
    await world.settle();
    say(client, 'one');
    const write = world.before.channels[0]!.writeAndFlush(Buffer.from('late'));
    await world.pass(501);
    const { moved, failures } = await over;
    expect([moved, failures[0]!.message]).toEqual([0, expect.stringContaining('within 500 ms')]);
    expect(inbox.texts).toEqual([]);
    log.resume();
    await world.passSlowly(1000);
    expect(write.isSuccess).toBe(true);
    expect(inbox.texts).toEqual(['late', 'one']);
    expect([client.isActive, world.before.table.size]).toEqual([true, 1]);
  });

  it('a write while the channel is on its way fails, if it arrives', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    await world.pass(100);
    log.isStopped = true;
    const over = world.before.table.handOver();
    await world.settle();
    const [channel] = world.before.channels;
    const write = channel!.writeAndFlush(Buffer.from('late'));
    const failed = expect(write).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    log.resume();
    await world.pass(100);
    expect(await over).toMatchObject({ moved: 1 });
    await failed;
    await world.passSlowly(1000);
    expect([inbox.texts, unacknowledged(channel!)]).toEqual([[], []]);
  });

  it('a channel that ends while it is on its way does not go on elsewhere', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    await world.pass(100);
    log.isStopped = true;
    const over = world.before.table.handOver();
    await world.settle();
    world.before.channels[0]!.end();
    await world.settle();
    log.resume();
    await world.passSlowly(1000);
    expect(await over).toMatchObject({ moved: 0 });
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 0]);
    expect(client.isOpen).toBe(false);
    expect(await log.read([...log.ids][0]!)).toBeUndefined();
  });

  it('asks a client to come again whose channel is on its way', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    await world.pass(100);
    log.isStopped = true;
    const over = world.before.table.handOver();
    await world.settle();
    for (const link of world.before.links) link.abort();
    // It tries both, several times.
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    expect([world.before.table.detached, world.after.table.size]).toEqual([1, 0]);
    log.resume();
    await world.passSlowly(3000);
    expect(await over).toMatchObject({ moved: 1 });
    say(client, 'one');
    await world.passSlowly(300);
    expect(inbox.texts).toEqual(['one']);
  });

  it('goes on when the process dies that is about to have it', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox, { retry: () => 50 });
    await world.pass(100);
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    const [id] = log.ids;
    log.hold(id!);
    await world.passSlowly(1000);
    expect(log.waitingFor(id!)).toBe(1);
    await world.after.kill();
    // Its last record arrives after its death.
    log.release(id!);
    await world.passSlowly(3000);
    say(client, 'one');
    await world.passSlowly(300);
    expect([inbox.texts, world.before.channels.length]).toEqual([['one'], 2]);
  });

  it('moves the principal and the saved state of the application, without another sign-in', async () => {
    const heard: unknown[] = [];
    let asked = 0;
    const restored: unknown[] = [];
    for (const process of [world.before, world.after]) {
      process.settings = {
        save: () => ({ rooms: ['a'] }),
        restore: (_channel, saved) => void restored.push(saved),
      };
    }
    await world.up(() => [
      new AuthHandler({
        authenticate: (bytes) => {
          asked += 1;
          return { principal: { name: String(bytes) } };
        },
        replies: { accepted: () => Buffer.from('welcome') },
      }),
      {
        userEventTriggered: (_ctx: Context, event: unknown) => {
          if (event instanceof AuthenticatedEvent) heard.push(event.principal);
          else _ctx.fireUserEventTriggered(event);
        },
        channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
      },
    ]);
    const client = await world.connect(inbox);
    say(client, 'ann');
    await world.pass(1);
    expect(await world.handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.passSlowly(1000);
    say(client, 'hello');
    await world.passSlowly(300);
    expect(world.after.channels[0]!.attributes.get(PRINCIPAL)).toEqual({ name: 'ann' });
    expect([restored, heard]).toEqual([[{ rooms: ['a'] }], [{ name: 'ann' }, { name: 'ann' }]]);
    expect([asked, inbox.texts]).toEqual([1, ['welcome', 'hello']]);
  });

  it('a principal that is not plain data goes from process to process by save and restore', async () => {
    class User {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
    }
    await world.up(() => [
      new AuthHandler({
        authenticate: (bytes) => ({ principal: new User(String(bytes)) }),
      }),
    ]);
    const save = (channel: Channel): unknown => (channel.attributes.get(PRINCIPAL) as User).name;
    const restore = (channel: Channel, name: unknown): void =>
      void channel.attributes.set(PRINCIPAL, new User(name as string));
    world.before.settings = { save, restore };
    // The other process wants it from `restore`.
    world.after.settings = { save };
    // A process that has tried leaves the channel to the others for 10 s.
    await world.pass(10_000);
    const client = await world.connect(inbox);
    say(client, 'ann');
    await world.pass(100);
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    await world.before.down();
    await world.passSlowly(1000);
    expect([client.isActive, world.after.table.detached]).toEqual([true, 0]);
    world.after.settings = { save, restore };
    await world.passSlowly(2000);
    expect(world.after.channels.at(-1)!.attributes.get(PRINCIPAL)).toEqual(new User('ann'));
    await world.before.up();
    const back = world.after.table.handOver();
    await world.passSlowly(1000);
    expect(await back).toMatchObject({ moved: 1, failed: 0 });
    expect(world.before.channels.at(-1)!.attributes.get(PRINCIPAL)).toEqual(new User('ann'));
  });

  it('keeps a channel without a sign-in', async () => {
    await world.up(() => [signIn()]);
    await world.connect(inbox);
    const { moved, failures } = await world.handOver();
    expect(moved).toBe(0);
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('its client has not signed in'),
    ]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no such room');
      },
    ],
    ['ends the channel', (channel: Channel): void => void channel.abort()],
  ])('waits for a process that can build its pipeline, if one %s', async (_what, fails) => {
    await world.up(() => [echo()]);
    await world.pass(10_000);
    const client = await world.connect(inbox, { retry: () => 50 });
    await world.pass(100);
    let tries = 0;
    world.after.settings = {
      childHandler: (channel) => {
        tries += 1;
        fails(channel);
      },
    };
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    await world.before.down();
    await world.passSlowly(2000);
    expect(tries).toBeGreaterThan(1);
    expect(client.isActive).toBe(true);
    world.after.settings = {};
    await world.passSlowly(2000);
    say(client, 'one');
    await world.passSlowly(300);
    expect(inbox.texts).toEqual(['one']);
  });

  for (const phase of [0, 0.5, 0.99]) {
    it(`leaves a client in silence for less than a second, at a phase of ${phase}`, async () => {
      await world.up(() => [echo()]);
      let longestMs = 0;
      const resumed = {
        userEventTriggered: (_ctx: Context, event: unknown) => {
          if (event instanceof LinkResumedEvent) longestMs = Math.max(longestMs, event.awayMs);
        },
      };
      const random = () => phase;
      for (let i = 0; i < 20; i++)
        await world.connect({ ...resumed }, { retry: spread(), random, order: 'given' });
      const { before, after } = world;
      // There and back, twice.
      for (const [from, to] of [
        [before, after],
        [after, before],
        [before, after],
        [after, before],
      ] as const) {
        const over = from.table.handOver();
        await world.passSlowly(1500);
        expect(await over).toMatchObject({ moved: 20, failed: 0 });
        expect([to.table.size, to.table.detached]).toEqual([20, 0]);
      }
      expect(longestMs).toBeLessThan(1000);
    });
  }

  it('asks a client again and again that comes before its channel, at growing times', async () => {
    await world.up(() => [echo()]);
    const { network } = world;
    const client = await world.connect(inbox, { addresses: [{ network, name: 'before' }] });
    await world.pass(100);
    log.isStopped = true;
    const over = world.before.table.handOver({ takeMs: 4000 });
    await world.pass(10);
    let tries = 0;
    linksOf(client).on('loss', () => tries++);
    for (const link of world.before.links) link.abort();
    await world.pass(3000);
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(12);
    await world.pass(1000);
    expect(await over).toMatchObject({ moved: 0 });
    log.resume();
    await world.passSlowly(5000);
    say(client, 'here');
    await world.passSlowly(300);
    expect(inbox.texts).toEqual(['here']);
  });

  it('asks a client again soon that comes before its channel, though another place is down', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox, {
      retry: spread(),
      random: () => 0.99,
      order: 'given',
    });
    await world.pass(100);
    await world.before.kill();
    const { read } = log;
    log.read = () => Promise.reject(new Error('away'));
    await world.passSlowly(12_000);
    log.read = read;
    await world.passSlowly(1000);
    say(client, 'here');
    await world.passSlowly(100);
    expect(inbox.texts).toEqual(['here']);
  });

  it('has no more channels on their way than it may, and one that waits for its turn may get work', async () => {
    const events: DrainEvent[] = [];
    await world.up(() => [
      {
        userEventTriggered: (ctx: Context, drain: unknown) => {
          if (drain instanceof DrainEvent) events.push(drain);
          ctx.fireUserEventTriggered(drain);
        },
      },
    ]);
    await world.connect(inbox);
    await world.connect(new Inbox());
    await world.pass(100);
    const [one, two] = log.ids as unknown as Iterable<string>;
    log.hold(one!, two!);
    const over = world.before.table.handOver({ concurrency: 1 });
    await world.pass(10);
    expect([log.waitingFor(one!), log.waitingFor(two!), events.length]).toEqual([1, 0, 1]);
    log.release(one!);
    await world.pass(10);
    expect([log.waitingFor(two!), events.length]).toEqual([1, 2]);
    log.release(two!);
    await world.pass(10);
    expect(await over).toEqual({ moved: 2, failed: 0, failures: [] });
  });

  it('serves a channel until it is its turn to come to rest, however long those before it take', async () => {
    await world.up(() => [echo()]);
    const inboxes = Array.from({ length: 4 }, () => new Inbox());
    const clients: Channel[] = [];
    for (const each of inboxes) clients.push(await world.connect(each));
    await world.pass(100);
    const ids = [...log.ids];
    log.hold(ids[0]!);
    const over = world.before.table.handOver({ concurrency: 1, restMs: 1000 });
    await world.settle();
    for (const at of [0, 1, 2, 3]) {
      // Each is on its way for most of the time in which the next one would have had to come to rest.
      await world.pass(900);
      for (const later of clients.slice(at + 1)) say(later, `${at}`);
      await world.passSlowly(50);
      expect(inboxes.slice(at + 1).map(({ texts }) => texts.at(-1))).toEqual(
        Array(3 - at).fill(`${at}`),
      );
      if (at < 3) log.hold(ids[at + 1]!);
      log.release(ids[at]!);
      await world.pass(10);
    }
    expect(await over).toEqual({ moved: 4, failed: 0, failures: [] });
  });

  it('drains no more channels in one turn of the event loop than come to rest at a time', async () => {
    let inTurn = 0;
    let most = 0;
    await world.up(() => [
      {
        userEventTriggered: (ctx: Context, drain: unknown) => {
          if (drain instanceof DrainEvent) {
            if (inTurn === 0) {
              world.clock.nextTurn(() => {
                inTurn = 0;
              });
            }
            inTurn += 1;
            most = Math.max(most, inTurn);
          }
          ctx.fireUserEventTriggered(drain);
        },
      },
      signIn(),
    ]);
    for (let left = 20; left > 0; left -= 1) await world.connect(new Inbox());
    const report = await world.handOver({ concurrency: 4 });
    expect([report.failures.length, most]).toEqual([20, 4]);
  });

  it('takes any number of channels at a time, also one that is larger than all', async () => {
    await world.up(() => []);
    await world.connect(inbox);
    expect(await world.handOver({ concurrency: 2 ** 40 })).toMatchObject({ moved: 1, failed: 0 });
  });

  it('takes along what clients open while it goes on, and ends though they go on opening channels', async () => {
    await world.up(() => []);
    await world.connect(inbox);
    await world.pass(100);
    let report: HandOverReport | undefined;
    const { before } = world;
    log.hold([...log.ids][0]!);
    void before.table.handOver().then((given) => {
      report = given;
    });
    await world.pass(10);
    for (const at of [0, 1]) {
      expect(report).toBeUndefined();
      await world.connect(new Inbox(), { addresses: [{ network: world.network, name: 'before' }] });
      await world.pass(100);
      const ids = [...log.ids];
      log.hold(ids[at + 1]!);
      log.release(ids[at]!);
      await world.pass(10);
    }
    expect(report).toEqual({ moved: 2, failed: 0, failures: [] });
    expect(before.table.size).toBe(1);
    log.release([...log.ids][2]!);
  });

  it('counts all that did not go, and says why for a hundred of them', async () => {
    await world.up(() => [signIn()]);
    for (let left = 101; left > 0; left -= 1) await world.connect(new Inbox());
    const { moved, failed, failures } = await world.handOver();
    expect([moved, failed, failures.length]).toEqual([0, 101, 100]);
  });

  it('a channel that has closed, with messages that wait for the client, goes along', async () => {
    await world.up(() => []);
    const client = await world.connect(inbox);
    for (const link of world.before.links) link.abort();
    await world.settle();
    const [channel] = world.before.channels;
    say(channel!, 'last');
    channel!.close();
    await world.settle();
    expect(await world.handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.passSlowly(2000);
    expect([inbox.texts, client.isOpen]).toEqual([['last'], false]);
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 0]);
  });

  it('is taken once, by the first of two hand-overs at a time', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    await world.pass(100);
    const { table } = world.before;
    const both = Promise.all([table.handOver(), table.handOver()]);
    await world.pass(100);
    const [one, two] = await both;
    expect(one).toEqual({ moved: 1, failed: 0, failures: [] });
    expect(two.failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('another hand-over has it'),
    ]);
  });
});
