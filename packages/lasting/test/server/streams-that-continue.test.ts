import { JsonCodec } from '@headrace/codec';
import type { Channel } from '@headrace/core';
import type { StandardSchema } from '@headrace/core/authoring';
import { memorySessionLog } from '@headrace/lasting/log';
import {
  clientOf,
  defineService,
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
  serve,
  stream,
} from '@headrace/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TwoProcesses } from './two-processes.ts';

/** A schema that accepts every value. */
const any = <T>(): StandardSchema<T, T> => ({
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as T }) },
});

const journal = defineService('journal', {
  follow: stream(any<{ after: number }>(), any<number>(), {
    resume: (input, last) => ({ ...input, after: last }),
  }),
});
const format = jsonRpcExchange();

describe('a stream with `resume` over a lasting channel', () => {
  let world: TwoProcesses;
  let client: Channel;
  let asked: number[];
  let items: number[];
  let end: unknown;

  beforeEach(async () => {
    [asked, items, end] = [[], [], undefined];
    const log = memorySessionLog({ clock: { now: () => world.clock.now() } });
    world = new TwoProcesses({ log });
    const handle = serve(journal, {
      // Two items for each call, and then nothing until it is cancelled.
      async *follow({ after }, { signal }) {
        asked.push(after);
        yield after + 1;
        yield after + 2;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    });
    const save = { save: () => null, restore: () => {} };
    for (const one of [world.before, world.after]) one.settings = save;
    await world.up(() => [new JsonCodec(), new ExchangeHandler({ format, handle })]);
    const exchange: ExchangeHandler<JsonRpcExchange> = new ExchangeHandler({ format });
    client = await world.connect(exchange);
    client.pipeline.addFirst(new JsonCodec());
    const api = clientOf(journal, exchange, { clock: world.clock });
    void (async () => {
      for await (const item of api.follow({ after: 0 }, { itemTimeoutMs: false })) items.push(item);
    })().catch((error) => {
      end = error;
    });
    await world.pass(1000);
  });
  afterEach(() => world.end());

  const went = (): unknown => [asked, items, end, client.isActive];

  it('continues in the process that its channel reaches when its own is killed', async () => {
    expect(went()).toEqual([[0], [1, 2], undefined, true]);
    await world.before.kill();
    await world.pass(5000);
    expect(went()).toEqual([[0, 2], [1, 2, 3, 4], undefined, true]);
  });

  it('does not keep its channel from a hand-over, and continues in the other process', async () => {
    const over = world.before.table.handOver({ restMs: 5000 });
    await world.pass(4000);
    expect((await over).failures).toEqual([]);
    await world.before.kill();
    await world.pass(5000);
    expect(went()).toEqual([[0, 2], [1, 2, 3, 4], undefined, true]);
  });
});
