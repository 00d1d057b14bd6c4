import { spread } from '@headrace/client';
import {
  type Channel,
  ChannelError,
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
  ResumeTable,
  type TakenSession,
  unacknowledged,
} from '@headrace/lasting';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Process, TwoProcesses } from './two-processes.ts';

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

describe('a hand-over of lasting channels', () => {
  let world: TwoProcesses;
  let inbox: Inbox;

  beforeEach(() => {
    world = new TwoProcesses({ creditBytes: 1024 });
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
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 1]);
    expect(world.before.channels[0]!.closeInfo).toMatchObject({ reason: 'moved' });
    await world.before.down();
    say(client, 'two', 'three');
    await world.pass(1000);
    expect(inbox.texts).toEqual(['one', 'two', 'three']);
    expect(client.isActive).toBe(true);
    await acknowledged(client);
    expect([world.after.channels.length, world.after.table.detached]).toEqual([1, 0]);
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
    expect(writes.at(-1)!.isSettled).toBe(false);
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    expect(writes.map(({ isSuccess }) => isSuccess)).not.toContain(false);
    await world.before.down();
    world.after.channels[0]!.writeAndFlush(Buffer.from('30'));
    await world.pass(2000);
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
    const over = world.handOver({ restMs: 1000 });
    await world.settle();
    say(client, 'two');
    await world.pass(600);
    say(client, 'three');
    await world.pass(1);
    // It is not taken here any more.
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer();
    await world.settle();
    expect(await over).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.before.down();
    await world.pass(1000);
    answers[2]!();
    await world.pass(1);
    expect(inbox.texts).toEqual(['one', 'two', 'three']);
  });

  it('leaves a channel that does not come to rest where it is, says what is under way, and goes on', async () => {
    await world.up(() => [new RequestHandler({ handle: () => new Promise<Buffer>(() => {}) })]);
    const client = await world.connect(inbox);
    say(client, 'one');
    await world.pass(1);
    const { moved, failures } = await world.handOver({ restMs: 500 }, {}, 501);
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
    expect(await world.handOver({ restMs: 100 }, {}, 101)).toMatchObject({ moved: 0 });
    expect([drain.holds, channel!.isEnding]).toEqual([['requests'], false]);
    answer!();
    await world.pass(1);
    expect([inbox.texts, channel!.isEnding]).toEqual([['one'], true]);
  });

  it('goes on here when the other process does not take it, with what came and was written meanwhile', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    let refuse: (() => void) | undefined;
    const over = world.before.table.handOver({
      to: () =>
        new Promise<TakenSession>((_, reject) => {
          const full = new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, 'full');
          refuse = () => reject(full);
        }),
    });
    await world.settle();
    say(client, 'one');
    const write = world.before.channels[0]!.writeAndFlush(Buffer.from('late'));
    await world.pass(300);
    expect([inbox.texts, write.isSettled]).toEqual([[], false]);
    refuse!();
    await world.pass(1);
    const { moved, failures } = await over;
    expect([moved, failures[0]!.message]).toEqual([0, expect.stringContaining('full')]);
    expect(write.isSuccess).toBe(true);
    expect(inbox.texts).toEqual(['late', 'one']);
    expect(client.isActive).toBe(true);
  });

  it('a write while the channel is on its way fails, if it arrives', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    let take: (() => void) | undefined;
    const over = world.before.table.handOver({
      to: (bytes) =>
        new Promise((resolve) => {
          take = () => resolve(world.after.take(bytes));
        }),
    });
    await world.settle();
    const [channel] = world.before.channels;
    const write = channel!.writeAndFlush(Buffer.from('late'));
    const failed = expect(write).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    take!();
    await world.pass(1);
    expect(await over).toMatchObject({ moved: 1 });
    await failed;
    await world.pass(1000);
    expect([inbox.texts, unacknowledged(channel!)]).toEqual([[], []]);
  });

  it('an answer of the other process that comes too late is told so, and nothing is in two places', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    let take: (() => void) | undefined;
    const to = (bytes: Buffer) =>
      new Promise<TakenSession>((resolve) => {
        take = () => resolve(world.after.take(bytes));
      });
    const { failures } = await world.handOver({ to, takeMs: 500 }, {}, 501);
    expect(failures[0]!.message).toContain('did not answer within 500 ms');
    take!();
    await world.settle();
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 0]);
  });

  it('a channel that ends while it is on its way is not taken', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    const over = world.before.table.handOver({
      to: (bytes) => {
        const taken = world.after.take(bytes);
        world.before.channels[0]!.end();
        return Promise.resolve(taken);
      },
    });
    await world.pass(1000);
    expect(await over).toMatchObject({ moved: 0 });
    expect(world.after.table.size).toBe(0);
    expect(client.isOpen).toBe(false);
  });

  it('asks a client to come again whose channel is on its way, here and there', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    let finish: ((taken: TakenSession) => void) | undefined;
    let taken: TakenSession | undefined;
    const over = world.before.table.handOver({
      to: (bytes) => {
        taken = world.after.take(bytes);
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    });
    await world.settle();
    for (const link of world.before.links) link.abort();
    // It tries both, several times.
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    expect([world.before.table.detached, world.after.table.detached]).toEqual([1, 1]);
    finish!(taken!);
    await world.pass(1000);
    expect(await over).toMatchObject({ moved: 1 });
    say(client, 'one');
    await world.pass(300);
    expect(inbox.texts).toEqual(['one']);
  });

  it('a process that expects channels says of none that it is gone', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    const { table } = world.after;
    const other = table.expectSessions();
    const done = table.expectSessions();
    other();
    other();
    await world.before.down();
    for (const link of world.before.links) link.abort();
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    await world.handOver();
    done();
    await world.pass(1000);
    say(client, 'one');
    await world.pass(300);
    expect(inbox.texts).toEqual(['one']);
  });

  it('moves the principal and the saved state of the application, without another sign-in', async () => {
    const heard: unknown[] = [];
    let asked = 0;
    await world.up(() => [
      new AuthHandler<object, Buffer, Buffer>({
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
    const restored: unknown[] = [];
    const report = await world.handOver(
      { save: () => ({ rooms: ['a'] }) },
      { restore: (_channel, saved) => void restored.push(saved) },
    );
    expect(report).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.pass(1000);
    say(client, 'hello');
    await world.pass(300);
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
      new AuthHandler<User, Buffer, Buffer>({
        authenticate: (bytes) => ({ principal: new User(String(bytes)) }),
      }),
    ]);
    const client = await world.connect(inbox);
    say(client, 'ann');
    await world.pass(1);
    const save = (channel: Channel): unknown => (channel.attributes.get(PRINCIPAL) as User).name;
    const restore = (channel: Channel, name: unknown): void =>
      void channel.attributes.set(PRINCIPAL, new User(name as string));
    // The other process wants it from `restore`.
    const { failures } = await world.handOver({ save });
    expect(failures[0]!.message).toContain('restore has set no PRINCIPAL');
    expect(await world.handOver({ save }, { restore })).toMatchObject({ moved: 1 });
    await world.pass(1000);
    const back = world.after.table.handOver({
      save,
      to: async (bytes) => world.before.take(bytes, { restore }),
    });
    await world.pass(1);
    expect(await back).toMatchObject({ moved: 1, failed: 0 });
    expect(world.before.channels.at(-1)!.attributes.get(PRINCIPAL)).toEqual(new User('ann'));
    await world.pass(1000);
    expect(client.isActive).toBe(true);
  });

  it('keeps a channel whose principal is not plain data, and one without a sign-in', async () => {
    await world.up(() => [
      new AuthHandler<Date, Buffer, Buffer>({ authenticate: () => ({ principal: new Date(0) }) }),
    ]);
    const client = await world.connect(inbox);
    await world.connect(new Inbox());
    say(client, 'ann');
    await world.pass(1);
    const { moved, failures } = await world.handOver();
    expect(moved).toBe(0);
    expect(failures.map(({ message }) => message).sort()).toEqual([
      expect.stringContaining('its PRINCIPAL is not plain data'),
      expect.stringContaining('its client has not signed in'),
    ]);
  });

  it('a pipeline that cannot be built over there leaves the channel here', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    const restore = (): void => {
      throw new Error('no such room');
    };
    const { moved, failures } = await world.handOver({}, { restore });
    expect([moved, failures[0]!.message]).toEqual([0, expect.stringContaining('no such room')]);
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 0]);
    say(client, 'one');
    await world.pass(1);
    expect(inbox.texts).toEqual(['one']);
  });

  it('takes a channel once only, and back again', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    let copy: Buffer | undefined;
    await world.handOver({
      to: async (bytes) => {
        copy = bytes;
        return world.after.take(bytes);
      },
    });
    // A copy to which no client has come gives way.
    await world.pass(1000);
    expect(() => world.after.take(copy!)).toThrow('it is here already');
    const back = world.after.table.handOver({ to: async (bytes) => world.before.take(bytes) });
    await world.pass(1);
    expect(await back).toMatchObject({ moved: 1 });
    await world.pass(1000);
    say(client, 'one');
    await world.pass(300);
    expect(inbox.texts).toEqual(['one']);
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 0]);
  });

  /** Hands all channels over and back again, and returns the longest silence of a client. */
  const longestSilence = async (
    random: () => number,
    give: (from: Process, to: Process) => Promise<HandOverReport>,
  ): Promise<number> => {
    await world.up(() => [echo()]);
    let longestMs = 0;
    const resumed = {
      userEventTriggered: (_ctx: Context, event: unknown) => {
        if (event instanceof LinkResumedEvent) longestMs = Math.max(longestMs, event.awayMs);
      },
    };
    for (let i = 0; i < 20; i++)
      await world.connect({ ...resumed }, { retry: spread(), random, order: 'given' });
    const { before, after } = world;
    for (const [from, to] of [
      [before, after],
      [after, before],
      [before, after],
      [after, before],
    ] as const) {
      const over = give(from, to);
      await world.pass(1500);
      expect(await over).toMatchObject({ moved: 20, failed: 0 });
      expect(to.table.detached).toBe(0);
    }
    return longestMs;
  };

  for (const phase of [0, 0.5, 0.99]) {
    it(`leaves a client in silence for less than a second, at a phase of ${phase}`, async () => {
      const silenceMs = await longestSilence(
        () => phase,
        (from, to) => from.table.handOver({ to: async (bytes) => to.take(bytes) }),
      );
      expect(silenceMs).toBeLessThan(1000);
    });
  }

  it('asks a client again and again that comes before its channel, at growing times', async () => {
    await world.up(() => [echo()]);
    world.after.table.expectSessions();
    const client = await world.connect(inbox);
    let take: (() => void) | undefined;
    const ready = new Promise<void>((resolve) => {
      take = resolve;
    });
    const over = world.before.table.handOver({
      to: async (bytes) => {
        await ready;
        return world.after.take(bytes);
      },
    });
    await world.pass(10);
    let tries = 0;
    linksOf(client).on('loss', () => tries++);
    for (const link of world.before.links) link.abort();
    await world.pass(3000);
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(12);
    take!();
    await world.pass(100);
    expect(await over).toMatchObject({ moved: 1 });
    await world.pass(5000);
    say(client, 'here');
    await world.pass(300);
    expect(inbox.texts).toEqual(['here']);
  });

  /** The new process has a copy, of which the old one does not know. */
  const inDoubt = async (): Promise<void> => {
    const to = async (bytes: Buffer): Promise<TakenSession> => {
      await world.after.take(bytes).begin();
      throw new Error('lost');
    };
    expect(await world.handOver({ to })).toMatchObject({ moved: 0 });
    expect([world.after.table.size, world.after.table.detached]).toEqual([1, 1]);
  };

  it('a refused take leaves the copy that it would have replaced', async () => {
    await world.end();
    world = new TwoProcesses({ creditBytes: 1024, maxDetachedBytes: 500 });
    await world.up(() => []);
    const client = await world.connect(inbox);
    await world.after.down();
    await inDoubt();
    await world.pass(1000);
    const restore = (): void => {
      throw new Error('no such room');
    };
    const childHandler = (channel: Channel): void => void channel.abort();
    for (const [options, why] of [
      [{ restore }, 'no such room'],
      [{ childHandler }, 'it ended while its pipeline was built'],
    ] as const) {
      const { failures } = await world.handOver({}, options);
      expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining(why)]);
      expect([world.after.table.size, world.after.table.detached]).toEqual([1, 1]);
      expect(world.after.channels.map(({ isOpen }) => isOpen)[0]).toBe(true);
    }
    client.holdReads('test');
    say(world.before.channels[0]!, 'x'.repeat(600));
    await world.settle();
    const { failures } = await world.handOver();
    expect(failures[0]!.message).toContain('the limits allow no more');
    expect(world.after.channels[0]!.isOpen).toBe(true);
    expect([world.after.table.size, world.after.table.detached]).toEqual([1, 1]);
  });

  it('a copy that is replaced makes room for the channel, and closes when that is built', async () => {
    await world.end();
    world = new TwoProcesses({ creditBytes: 1024, maxDetached: 1 });
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    await world.after.down();
    await inDoubt();
    expect(await world.handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    const [copy, channel] = world.after.channels;
    expect([copy!.closeInfo?.reason, channel!.isOpen]).toEqual(['refused', true]);
    expect([world.after.table.size, world.after.table.detached]).toEqual([1, 1]);
    await world.after.up();
    await world.pass(1000);
    say(client, 'one');
    await world.pass(300);
    expect(inbox.texts).toEqual(['one']);
  });

  it('a refused take does not make a client whose channel has gone on believe that it is lost', async () => {
    await world.up(() => [echo()]);
    const client = await world.connect(inbox);
    expect(await world.handOver()).toMatchObject({ moved: 1 });
    await world.pass(1000);
    const restore = (): void => {
      throw new Error('no such room');
    };
    const back = world.after.table.handOver({
      to: async (bytes) => world.before.take(bytes, { restore }),
    });
    await world.pass(1);
    expect(await back).toMatchObject({ moved: 0 });
    // It asks the process that it left first.
    for (const link of world.after.links) link.abort();
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    say(client, 'one');
    await world.pass(300);
    expect(inbox.texts).toEqual(['one']);
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
    const answers: (() => void)[] = [];
    const over = world.before.table.handOver({
      concurrency: 1,
      to: (bytes) =>
        new Promise((resolve) => {
          answers.push(() => resolve(world.after.take(bytes)));
        }),
    });
    await world.settle();
    expect([answers.length, events.length]).toEqual([1, 1]);
    answers[0]!();
    await world.settle();
    expect(answers).toHaveLength(2);
    answers[1]!();
    await world.settle();
    expect(await over).toEqual({ moved: 2, failed: 0, failures: [] });
  });

  it('serves a channel until it is its turn to come to rest, however long those before it take', async () => {
    await world.up(() => [echo()]);
    const inboxes = Array.from({ length: 4 }, () => new Inbox());
    const clients: Channel[] = [];
    for (const each of inboxes) clients.push(await world.connect(each));
    const answers: (() => void)[] = [];
    const over = world.before.table.handOver({
      concurrency: 1,
      restMs: 1000,
      to: (bytes) =>
        new Promise((resolve) => {
          answers.push(() => resolve(world.after.take(bytes)));
        }),
    });
    await world.settle();
    for (const at of [0, 1, 2, 3]) {
      // Each is on its way for most of the time in which the next one would have had to come to rest.
      await world.pass(900);
      for (const later of clients.slice(at + 1)) say(later, `${at}`);
      await world.pass(1);
      expect(inboxes.slice(at + 1).map(({ texts }) => texts.at(-1))).toEqual(
        Array(3 - at).fill(`${at}`),
      );
      answers[at]!();
      await world.settle();
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
    ]);
    for (let left = 20; left > 0; left -= 1) await world.connect(new Inbox());
    const full = new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, 'full');
    const report = await world.handOver({ concurrency: 4, to: () => Promise.reject(full) });
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
    const answers: (() => void)[] = [];
    let report: HandOverReport | undefined;
    void world.before.table
      .handOver({
        to: (bytes) =>
          new Promise((resolve) => {
            answers.push(() => resolve(world.after.take(bytes)));
          }),
      })
      .then((given) => {
        report = given;
      });
    await world.settle();
    for (const at of [0, 1]) {
      expect(report).toBeUndefined();
      await world.connect(new Inbox());
      answers[at]!();
      await world.settle();
    }
    expect(report).toEqual({ moved: 2, failed: 0, failures: [] });
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 2]);
  });

  it('counts all that did not go, and says why for a hundred of them', async () => {
    await world.up(() => []);
    for (let left = 101; left > 0; left -= 1) await world.connect(new Inbox());
    const full = new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, 'full');
    const { moved, failed, failures } = await world.handOver({ to: () => Promise.reject(full) });
    expect([moved, failed, failures.length]).toEqual([0, 101, 100]);
  });

  it('takes no more than it may keep for absent clients, and gives none of them up', async () => {
    await world.end();
    world = new TwoProcesses({ creditBytes: 1024, maxDetached: 1 });
    await world.up(() => [echo()]);
    const clients = [await world.connect(inbox), await world.connect(new Inbox())];
    const { moved, failures } = await world.handOver();
    expect([moved, failures.map(({ message }) => message)]).toEqual([
      1,
      [expect.stringContaining('1 clients are absent, and the limits allow no more')],
    ]);
    await world.pass(1000);
    expect(await world.handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.pass(1000);
    expect(clients.map(({ isActive }) => isActive)).toEqual([true, true]);
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
    await world.pass(2000);
    expect([inbox.texts, client.isOpen]).toEqual([['last'], false]);
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 0]);
  });

  it('is taken once, by the first of two hand-overs at a time', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    const given: string[] = [];
    const to = (name: string) => async (bytes: Buffer) => {
      given.push(name);
      return world.after.take(bytes);
    };
    const { table } = world.before;
    const both = Promise.all([
      table.handOver({ to: to('one') }),
      table.handOver({ to: to('two') }),
    ]);
    await world.pass(1);
    const [one, two] = await both;
    expect([given, one]).toEqual([['one'], { moved: 1, failed: 0, failures: [] }]);
    expect(two.failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('another hand-over has it'),
    ]);
  });

  it('has not moved if the other process gave it up before it began', async () => {
    await world.up(() => [echo()]);
    await world.connect(inbox);
    const to = async (bytes: Buffer) => {
      const taken = world.after.take(bytes);
      world.after.table.close();
      return taken;
    };
    const { moved, failures } = await world.handOver({ to });
    expect([moved, failures.map(({ message }) => message)]).toEqual([
      0,
      [expect.stringContaining('it was given up meanwhile')],
    ]);
  });

  it('keeps a channel with more bytes than the other process may keep for absent clients', async () => {
    await world.up(() => []);
    await world.connect(inbox);
    for (const link of world.before.links) link.abort();
    await world.settle();
    say(world.before.channels[0]!, 'x'.repeat(200));
    await world.settle();
    const table = new ResumeTable({ maxDetachedBytes: 100 });
    const to = async (bytes: Buffer) => table.take(bytes, { childHandler: () => {} });
    const { moved, failures } = await world.handOver({ to });
    expect([moved, failures.map(({ message }) => message)]).toEqual([
      0,
      [expect.stringContaining('the limits allow no more')],
    ]);
  });
});
