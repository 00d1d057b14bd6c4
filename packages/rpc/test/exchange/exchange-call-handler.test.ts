import { JsonCodec, lengthPrefixed } from '@headrace/codec';
import { connectedPair } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { ExchangeCallHandler, ExchangeHandler, jsonRpcExchange } from '../../src/index.ts';

const format = jsonRpcExchange();
const codecs = () => [...lengthPrefixed({ maxFrameLength: 10_000 }), new JsonCodec()] as const;

function pair() {
  const calls = new ExchangeCallHandler({ format });
  const both = new ExchangeHandler({ format, handle: ({ method }) => `did ${method}` });
  const { clock, client } = connectedPair({
    client: (channel) => channel.pipeline.addLast(...codecs(), calls),
    server: (channel) => channel.pipeline.addLast(...codecs(), both),
  });
  return { calls, both, clock, client };
}

describe('an ExchangeCallHandler', () => {
  it('calls a peer', async () => {
    const { calls, clock } = pair();
    const answer = clock.run(() => calls.request({ method: 'hello' }));
    await expect(answer).resolves.toBe('did hello');
    expect(calls.counts).toMatchObject({ inFlight: 0, unanswered: 0, running: 0 });
  });

  it('answers a request of its peer with an error, and drops a notice and a call with items', async () => {
    const { both, clock, client } = pair();
    const answer = clock.run(() => both.request({ method: 'hello' }));
    await expect(answer).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_REFUSED',
      details: { code: -32_601, text: 'this end answers no requests' },
    });
    clock.run(() => both.notify({ method: 'noted' }));
    const items = clock.run(() => both.stream({ method: 'items' }, { input: [1, 2] }));
    const first = clock.run(() => items.next());
    await expect(first).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_REFUSED' });
    expect(client.isOpen).toBe(true);
  });

  it('is found by the name of either class, and makes one of its own kind', () => {
    const { calls, both, client } = pair();
    expect(client.pipeline.get(ExchangeCallHandler)).toBe(calls);
    expect(client.pipeline.get(ExchangeHandler)).toBeUndefined();
    expect(both).toBeInstanceOf(ExchangeCallHandler);
    expect(calls.fresh()).not.toBeInstanceOf(ExchangeHandler);
    expect(both.fresh()).toBeInstanceOf(ExchangeHandler);
  });

  it('has no option of an end that answers', () => {
    const options = { format, concurrency: 1 };
    expect(() => new ExchangeCallHandler(options)).toThrow('no option concurrency');
  });
});
