// Each place that takes a stream of the application and reads it later: a stream that fails before its turn fails its call, and
// a stream whose call is refused is closed.
import { Readable } from 'node:stream';
import type { StandardSchema } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  call,
  clientOf,
  defineService,
  type ExchangeFormat,
  ExchangeHandler,
  jsonRpcExchange,
  serve,
  stream,
} from '../../src/index.ts';
import { all, serviceEnds } from '../service/service-ends.ts';
import { TwoEnds, watch } from './two-ends.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lost = () => new Error('upstream lost');
const anything: StandardSchema<unknown, unknown> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

function silent(): Readable {
  return new Readable({ objectMode: true, read() {} });
}

describe('the input of a call', () => {
  it('fails its call when it breaks before the peer has opened a window', async () => {
    const ends = new TwoEnds({}, { handle: () => new Promise<never>(() => {}) });
    const input = silent();
    const call = ends.ask('never reads', { input });
    await ends.settle();
    input.destroy(lost());
    await ends.settle();
    expect(call.outcome).toBe('upstream lost');
  });

  it('that is not read fails its call when an item is a promise', async () => {
    const ends = new TwoEnds(
      {},
      {
        async handle(_body, { items }) {
          for await (const _ of items);
          return Buffer.from('read');
        },
      },
    );
    const call = ends.ask('reads', { input: [Promise.reject(lost())] as never });
    await ends.settle();
    expect(call.outcome).toMatch(/MESSAGE_NOT_ENCODABLE/);
  });

  const refusals: Record<string, (ends: TwoEnds, input: Readable) => unknown> = {
    'the channel is closed': (ends, input) => {
      ends.pair.client.close();
      return ends.caller.request(Buffer.from('x'), { input });
    },
    'the signal has aborted': (ends, input) =>
      ends.caller.request(Buffer.from('x'), { input, signal: AbortSignal.abort() }),
    'an option is not valid': (ends, input) =>
      ends.caller.request(Buffer.from('x'), { input, timeoutMs: -1 }),
    'an option of a stream is not valid': (ends, input) =>
      ends.caller.stream(Buffer.from('x'), { input, timeoutMs: -1 }),
    'the body cannot be encoded': (ends, input) => ends.caller.request(5 as never, { input }),
    'there is no channel yet': (_ends, input) =>
      new ExchangeHandler({ format: jsonRpcExchange() }).request({ method: 'x' }, { input }),
    'too many wait': async (ends, input) => {
      const busy = ends.caller.request(Buffer.from('busy'));
      busy.catch(() => {});
      await ends.caller.request(Buffer.from('x'), { input });
    },
    'the format has no streams': (_ends, input) => {
      const { streams: _, ...format } = jsonRpcExchange();
      const caller = new ExchangeHandler({ format: format as ExchangeFormat });
      const channel = new EmbeddedChannel(caller);
      return channel.run(() => caller.request({ method: 'x' }, { input }));
    },
  };
  it.each(Object.entries(refusals))('is closed if %s', async (_name, refuse) => {
    const ends = new TwoEnds({ maxInFlight: 1, maxQueued: 0 });
    const input = silent();
    const call = (async () => refuse(ends, input))();
    const seen = ends.pair.clock.run(() => watch(call));
    await ends.settle();
    expect(seen.outcome).not.toBe('pending');
    expect(input.destroyed).toBe(true);
  });
});

describe('interceptors', () => {
  const service = defineService('files', {
    read: stream(anything, anything),
    store: stream(anything, anything, { items: anything }),
    sum: call(anything, anything, { items: anything }),
  });

  it('of a client that refuse a call close its input, which may break meanwhile', async () => {
    const ends = serviceEnds(
      serve(service, { read: async function* () {}, store: async function* () {}, sum: () => 0 }),
    );
    const [refused, broken] = [silent(), silent()];
    let open!: () => void;
    const isOpen = new Promise<void>((resolve) => {
      open = resolve;
    });
    const api = clientOf(service, ends.exchange, {
      interceptors: [
        async ({ input }, next) => {
          if (`${input}` === 'refused') throw new Error('not now');
          await isOpen;
          return next();
        },
      ],
    });
    await expect(ends.during(() => all(api.store(['refused'], refused)))).rejects.toThrow(
      'not now',
    );
    expect(refused.destroyed).toBe(true);
    const stored = all(api.store(['slow'], broken));
    const sum = silent();
    const one = api.sum(['slow'], sum);
    for (const each of [stored, one]) each.catch(() => {});
    for (const each of [broken, sum]) each.destroy(lost());
    await turn();
    open();
    await expect(ends.during(() => stored)).rejects.toThrow('upstream lost');
    await expect(ends.during(() => one)).rejects.toThrow('upstream lost');
  });

  it('of a server that refuse an answer close it, and it may break before they pass it on', async () => {
    const [refused, broken] = [silent(), silent()];
    const ends = serviceEnds(
      serve(
        service,
        {
          read: (name) => (`${name}` === 'refused' ? refused : broken),
          store: async function* () {},
          sum: () => 0,
        },
        {
          interceptors: [
            async ({ input }, next) => {
              const answer = await next();
              if (`${input}` === 'refused') throw new Error('not for you');
              broken.destroy(lost());
              await turn();
              return answer;
            },
          ],
        },
      ),
    );
    const api = clientOf(service, ends.exchange);
    await expect(ends.during(() => all(api.read(['refused'])))).rejects.toThrow(
      'the request failed',
    );
    expect(refused.destroyed).toBe(true);
    await expect(ends.during(() => all(api.read(['broken'])))).rejects.toThrow(
      'the request failed',
    );
  });

  it('a stream that never begins may have an input that breaks', async () => {
    const ends = serviceEnds(
      serve(service, { read: async function* () {}, store: async function* () {}, sum: () => 0 }),
    );
    const input = silent();
    const items = clientOf(service, ends.exchange).store(['later'], input);
    input.destroy(lost());
    await turn();
    await expect(ends.during(() => all(items))).rejects.toThrow('upstream lost');
  });
});

it('an answer that breaks while the peer does not read fails its call', async () => {
  const answer = Readable.from([Buffer.alloc(200)]);
  const ends = new TwoEnds({ windowItems: 1 }, { handle: () => answer as never });
  const items = ends.pair.clock.run(() => ends.caller.stream(Buffer.from('x')));
  await ends.settle();
  answer.destroy(lost());
  await ends.settle();
  expect(ends.logged.join()).toContain('upstream lost');
  expect(await all(items).catch((error: Error) => error.message)).toContain('the request failed');
});
