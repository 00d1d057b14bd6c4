import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  type Handler,
  isHeadraceError,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import {
  type HandOverOptions,
  type HandOverReport,
  LASTING_ERRORS,
  sessionsOver,
  type TakesSessionsOptions,
  takesSessions,
} from '@headrace/lasting';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Process, TwoProcesses } from './two-processes.ts';

const format = binaryExchange();

class Inbox implements Handler {
  readonly texts: string[] = [];

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.texts.push(String(bytes));
  }
}

const echo = (): Handler => ({
  channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
});

describe('lasting channels that go over a connection', () => {
  let world: TwoProcesses;
  let inbox: Inbox;
  let client: Channel;
  /** Both ends of the connection between the processes. */
  let near: Channel;
  let far: Channel;
  let exchange: ExchangeHandler<BinaryExchange>;
  let joined = 0;
  /** Called with what the new process is asked, before its answer. */
  let asked: (kind: number) => void;
  /** After it, before it is sent. */
  let answered: (kind: number) => void;

  beforeEach(async () => {
    world = new TwoProcesses({ creditBytes: 1024 });
    inbox = new Inbox();
    asked = answered = () => {};
    await world.up(() => [echo()]);
    client = await world.connect(inbox);
  });
  afterEach(() => world.end());

  async function join(
    options: Partial<TakesSessionsOptions> = {},
    maxFrameLength = 100_000,
  ): Promise<void> {
    const { clock, network } = world;
    const both = { logger: silentLogger, clock };
    const takes = takesSessions({
      table: world.after.table,
      childHandler: (channel) => {
        world.after.channels.push(channel);
        channel.pipeline.addLast(echo());
      },
      childOptions: both,
      ...options,
    });
    const binding = new ServerBootstrap()
      .options(both)
      .childOptions(both)
      .childHandler((channel) => {
        far = channel;
        channel.pipeline.addLast(
          ...lengthPrefixed({ maxFrameLength }),
          new ExchangeHandler({
            format,
            handle: (request, scope) => {
              asked(request[0]!);
              const answer = takes(request, scope);
              answered(request[0]!);
              return answer;
            },
          }),
        );
      })
      .bind({ network, name: `carrier ${++joined}` });
    await world.settle();
    await binding;
    exchange = new ExchangeHandler({ format });
    const connecting = new Bootstrap()
      .options(both)
      .handler(({ pipeline }) => pipeline.addLast(...lengthPrefixed({ maxFrameLength }), exchange))
      .connect({ network, name: `carrier ${joined}` });
    await world.settle();
    near = await connecting;
  }

  async function handOver(
    options: Partial<HandOverOptions> = {},
    ms = 10,
  ): Promise<HandOverReport> {
    const over = world.before.table.handOver({ to: sessionsOver(exchange), ...options });
    await world.pass(ms);
    return over;
  }

  /** Nobody listens there, and the clients have lost their links to it. */
  async function cutOff(process: Process): Promise<void> {
    await process.down();
    for (const link of process.links) link.abort();
  }

  async function echoes(text: string): Promise<void> {
    client.writeAndFlush(Buffer.from(text));
    await world.pass(1000);
    expect(inbox.texts.at(-1)).toBe(text);
  }

  it('arrive', async () => {
    await join();
    expect(await handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 1]);
    await world.pass(1000);
    await echoes('one');
    expect(inbox.texts).toEqual(['one']);
  });

  const refusals: readonly (readonly [string, Partial<TakesSessionsOptions>, number, string])[] = [
    [
      'whose pipeline cannot be built',
      {
        restore: () => {
          throw new Error('no such room');
        },
      },
      100_000,
      'no such room',
    ],
    ['that are longer than the framing allows', {}, 200, '200'],
  ];
  it.each(refusals)('%s stay, with their link', async (_what, options, limit, text) => {
    await join(options, limit);
    const links = world.before.links.length;
    const { moved, failures } = await handOver();
    expect([moved, failures.length]).toEqual([0, 1]);
    expect(failures[0]!.message).toContain(text);
    expect(isHeadraceError(failures[0]!.cause, LASTING_ERRORS.HAND_OVER_FAILED)).toBe(true);
    expect([world.before.links.length, world.after.table.size]).toEqual([links, 0]);
    client.writeAndFlush(Buffer.from('one'));
    await world.pass(1);
    expect(inbox.texts).toEqual(['one']);
  });

  it('are refused when too many wait for begin, and when too many clients are absent', async () => {
    await world.connect(new Inbox());
    await join({ maxArriving: 1 });
    const { moved, failures } = await handOver();
    expect([moved, failures.map(({ message }) => message)]).toEqual([
      1,
      [expect.stringContaining('maxArriving')],
    ]);
    await world.pass(1000);
    expect(await handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
  });

  it('stay when the connection is lost before they left', async () => {
    await join();
    const to = sessionsOver(exchange);
    near.close();
    await world.settle();
    const links = world.before.links.length;
    const { failures } = await handOver({ to });
    expect(failures[0]!.message).toContain('nothing of the request has been sent');
    expect(world.before.links.length).toBe(links);
    await echoes('one');
  });

  it('stay when the other process dies before it has taken them: their clients come again', async () => {
    await join();
    asked = (kind) => {
      if (kind !== 2) return;
      far.abort();
      throw new Error('dead');
    };
    const { moved, failures } = await handOver();
    expect([moved, failures.length]).toEqual([0, 1]);
    expect(isHeadraceError(failures[0]!.cause, 'REQUEST_LOST')).toBe(true);
    await world.pass(1000);
    await echoes('one');
    expect([world.before.table.size, world.after.table.size]).toEqual([1, 0]);
  });

  it('go on in the new process when the old one dies after the answer', async () => {
    await join();
    answered = (kind) => {
      if (kind === 2) far.abort();
    };
    const over = handOver();
    // Its links end with it, and it listens no more.
    await cutOff(world.before);
    await over;
    await world.pass(1000);
    await echoes('one');
    expect(world.after.channels.at(-1)!.isActive).toBe(true);
    expect(inbox.texts).toEqual(['one']);
  });

  it.each([
    ['the old process', 'before'],
    ['the new process', 'after'],
  ] as const)(
    'that are in doubt go on in the one that their client reaches: %s',
    async (_what, place) => {
      const { before, after } = world;
      const [here, there] = place === 'before' ? [before, after] : [after, before];
      await join();
      client.writeAndFlush(Buffer.from('zero'));
      await world.pass(1);
      answered = (kind) => {
        if (kind === 2) far.abort();
      };
      await there.down();
      await handOver();
      await world.pass(1000);
      await echoes('one');
      expect(here.table.detached).toBe(0);
      // The other one has a copy that nobody can resume, and no client is told that its channel is gone.
      expect(there.table.detached).toBe(1);
      await there.up();
      await cutOff(here);
      await world.pass(1000);
      expect([client.isActive, there.table.detached]).toEqual([true, 1]);
      await here.up();
      await world.pass(5000);
      await echoes('two');
      expect(inbox.texts).toEqual(['zero', 'one', 'two']);
    },
  );

  it('that were in doubt go over in a second try', async () => {
    await join();
    answered = (kind) => {
      if (kind === 2) far.abort();
    };
    await world.after.down();
    expect(await handOver()).toMatchObject({ moved: 0 });
    await world.pass(1000);
    await echoes('one');
    await world.after.up();
    answered = () => {};
    await join();
    expect(await handOver()).toEqual({ moved: 1, failed: 0, failures: [] });
    await world.pass(1000);
    await echoes('two');
    expect([world.before.table.size, world.after.table.size]).toEqual([0, 1]);
  });

  it('give no way to a copy that their client has left, when they are in doubt again', async () => {
    await join();
    answered = (kind) => {
      if (kind === 2) far.abort();
    };
    const { before, after } = world;
    await before.down();
    expect(await handOver()).toMatchObject({ moved: 0 });
    await world.pass(1000);
    await echoes('one');
    const lost = () => Promise.reject(new Error('lost'));
    const inDoubt = after.table.handOver({ to: lost });
    await world.pass(1);
    expect(await inDoubt).toMatchObject({ moved: 0 });
    // The old process has the copy of the first try.
    answered = () => {};
    await join();
    const { failures } = await handOver();
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('it is here already'),
    ]);
    await before.up();
    await world.pass(1000);
    await echoes('two');
    expect(inbox.texts).toEqual(['one', 'two']);
  });

  it('are kept when the word that they begin is lost: they begin with the end of the connection', async () => {
    await join();
    asked = (kind) => {
      if (kind !== 3) return;
      far.abort();
      throw new Error('lost');
    };
    const { moved, failures } = await handOver();
    expect([moved, failures.length]).toEqual([0, 1]);
    await world.pass(1000);
    await echoes('one');
    expect(inbox.texts).toEqual(['one']);
  });

  it('a client that comes to the new process before its channel is not told that it is gone', async () => {
    await join();
    const to = sessionsOver(exchange);
    await cutOff(world.before);
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    expect(await handOver({ to })).toMatchObject({ moved: 1 });
    await world.pass(1000);
    await echoes('one');
  });

  it.each([
    ['at once after the end of the process that gave', () => near.end(), 1000],
    ['after the window, where the connection broke', () => far.abort(), 61_000],
  ])('a client of a channel that does not come is told so %s', async (_what, end, ms) => {
    await join();
    sessionsOver(exchange);
    await world.settle();
    await cutOff(world.before);
    end();
    await world.pass(ms);
    expect(client.closeInfo?.error).toMatchObject({ code: 'HR_ERR_RESUME_GONE' });
  });

  it('a client that has been there, and comes to the old process again, is not told that it is gone', async () => {
    await join();
    await handOver();
    await world.pass(1000);
    await echoes('one');
    await cutOff(world.after);
    await world.pass(3000);
    expect(client.isActive).toBe(true);
    await world.after.up();
    await world.pass(2000);
    await echoes('two');
  });

  it('a message that is not a request of a hand-over is refused', async () => {
    await join();
    for (const request of [[], [9], [3, 0, 0], [4, 0, 0, 0, 7]]) {
      const answer = expect(exchange.request(Buffer.from(request))).rejects.toMatchObject({
        code: 'HR_ERR_REQUEST_REFUSED',
      });
      await world.pass(1);
      await answer;
    }
  });
});
