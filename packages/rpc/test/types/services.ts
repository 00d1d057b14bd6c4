import type { WriteFuture } from '@headrace/core';
import {
  call,
  clientOf,
  defineService,
  type ExchangeHandler,
  type JsonRpcExchange,
  type JsonValue,
  notice,
  noticesOf,
  RetryBudget,
  ServicePlaces,
  serve,
  stream,
} from '@headrace/rpc';
import * as z from 'zod';

const At = z.object({ at: z.string().transform((text) => new Date(text)) });
const service = defineService(
  'all',
  {
    ask: call(At, At),
    take: stream(At, At),
    give: call(At, z.number(), { items: At }),
    both: stream(At, z.number(), { items: At }),
    tell: notice(At),
    read: call(At, z.number(), { idempotent: true }),
  },
  { errors: { GONE: 1 } },
);

declare const exchange: ExchangeHandler<JsonRpcExchange>;
{
  const api = clientOf(service, exchange);
  const answer: Promise<{ at: Date }> = api.ask({ at: 'now' }, { timeoutMs: 5 });
  const items: AsyncIterable<{ at: Date }> = api.take({ at: 'now' }, { itemTimeoutMs: 5 });
  const given: Promise<number> = api.give({ at: 'now' }, [{ at: 'now' }]);
  const both: AsyncIterable<number> = api.both({ at: 'now' }, [{ at: 'now' }]);
  const told: WriteFuture = api.tell({ at: 'now' });
  const repeating = clientOf(service, new ServicePlaces([exchange]), {
    retry: { errors: ['GONE'] },
    budget: new RetryBudget({ share: 0.1 }),
  });
  const read: Promise<number> = repeating.read({ at: 'now' }, { retry: false });
  void [read, answer, items, given, both, told];
}
{
  const notices = noticesOf(service);
  const names: 'tell' = null as unknown as keyof typeof notices;
  const message: JsonValue = notices.tell({ at: 'now' });
  void [names, message];
}
const name: 'GONE' | undefined = service.errorName(new Error('x'));
void name;

serve(service, {
  ask: ({ at }) => ({ at: at.toISOString() }),
  async *take({ at }) {
    yield { at: at.toISOString() };
  },
  async give(_input, { items }) {
    let last = 0;
    for await (const { at } of items) last = at.getTime();
    return last;
  },
  async *both(_input, { items }) {
    for await (const { at } of items) yield at.getTime();
  },
  tell: ({ at }) => void at.getTime(),
  read: ({ at }) => at.getTime(),
});
