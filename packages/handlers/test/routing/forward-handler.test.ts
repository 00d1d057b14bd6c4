import { type Channel, type Context, DrainEvent, type OutboundBytes } from '@headrace/core';
import { isOwnFault } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { ForwardHandler, type ForwardRequest } from '../../src/routing/forward-handler.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A client's channel, the one to the other server, and what the test lets happen between them. */
interface Dial {
  request: ForwardRequest | undefined;
  front: EmbeddedChannel;
  back: EmbeddedChannel;
  connect(): Promise<void>;
  refuse(error: Error): Promise<void>;
}

function forwarding(holdsDrain = true): Dial {
  let resolve!: (channel: Channel<Buffer, OutboundBytes>) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Channel<Buffer, OutboundBytes>>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const dial: Partial<Dial> = {};
  const front = new EmbeddedChannel(
    new ForwardHandler({
      holdsDrain,
      connect: (request) => {
        dial.request = request;
        return promise;
      },
    }),
  );
  const back = EmbeddedChannel.with({ clock: front.clock });
  return Object.assign(dial, {
    front,
    back,
    connect: async () => {
      dial.request?.install(back as unknown as Channel<Buffer, OutboundBytes>);
      resolve(back as unknown as Channel<Buffer, OutboundBytes>);
      await turn();
      front.runPendingTasks();
    },
    refuse: async (error: Error) => {
      reject(error);
      await turn();
    },
  }) as Dial;
}

describe('ForwardHandler', () => {
  it('reads nothing before the other server is there, then relays both ways', async () => {
    const dial = forwarding();
    const { reads } = dial.front.embedded;
    expect(dial.front.embedded.isReading).toBe(false);
    await dial.connect();
    expect(dial.front.embedded.reads).toBe(reads + 1);
    dial.front.writeInbound('to the server');
    expect(dial.back.readOutbound()).toBe('to the server');
    dial.back.writeInbound('to the client');
    expect(dial.front.readOutbound()).toBe('to the client');
    expect(dial.front.pipeline.get(ForwardHandler)).toBeUndefined();
  });

  it('passes on input that the transport gave without a request', async () => {
    const dial = forwarding();
    dial.front.writeInbound('early');
    await dial.connect();
    expect(dial.back.readOutbound()).toBe('early');
  });

  it('passes on kept messages when it is removed, in order and with the end of their burst', () => {
    const dial = forwarding();
    const seen: unknown[] = [];
    dial.front.pipeline.addLast({
      channelRead: (_ctx: Context, message: unknown) => void seen.push(message),
      channelReadComplete: () => void seen.push('complete'),
    });
    dial.front.writeInbound('early', 'too');
    expect(seen).toEqual([]);
    dial.front.run(() => dial.front.pipeline.remove(ForwardHandler));
    expect(seen).toEqual(['early', 'too', 'complete']);
    expect(dial.front.isReadHeld).toBe(false);
  });

  it('makes a failed connect an error of the channel', async () => {
    const dial = forwarding();
    await dial.refuse(new Error('nobody listens'));
    expect(() => dial.front.checkException()).toThrow('nobody listens');
  });

  it('makes a failed connect a line without a stack, because each client can cause one', async () => {
    const dial = forwarding();
    const seen: unknown[] = [];
    dial.front.pipeline.addLast({
      exceptionCaught: (_ctx: Context, error: Error) =>
        void seen.push(error.message, isOwnFault(error)),
    });
    await dial.refuse(new Error('all servers are full'));
    expect(seen).toEqual(['all servers are full', false]);
  });

  it('makes a connect that throws at once an error of the channel', () => {
    expect(() => {
      const channel = new EmbeddedChannel(
        new ForwardHandler({
          connect: () => {
            throw new Error('bad target');
          },
        }),
      );
      channel.checkException();
    }).toThrow('bad target');
  });

  it('aborts the connect when the client leaves first, and ends a connection that came too late', async () => {
    const dial = forwarding();
    dial.front.endInput();
    expect(dial.request?.signal.aborted).toBe(true);
    await dial.connect();
    expect(dial.back.isOutputShutdown).toBe(true);
    expect(dial.front.pipeline.names()).toEqual([]);
  });

  it('ends the client when the other server closes before the client is connected to it', async () => {
    const dial = forwarding();
    const connected = dial.connect();
    dial.back.run(() => dial.back.close());
    await connected;
    expect(dial.front.isOutputShutdown).toBe(true);
  });
});

describe('a drain of a forwarded connection', () => {
  const drain = ({ front }: Dial): DrainEvent => {
    const event = new DrainEvent(3000);
    front.run(() => front.pipeline.fireUserEventTriggered(event));
    return event;
  };

  it('that begins before the other server is there waits for the relay, too', async () => {
    const dial = forwarding();
    const event = drain(dial);
    expect(event.holds).toContain('relay');
    await dial.connect();
    expect(event.holds).toEqual(['relay']);
    dial.front.writeInbound('question');
    expect(dial.back.readOutbound()).toBe('question');
    expect(dial.front.isEnding).toBe(false);
    dial.front.run(() => dial.front.pipeline.removeLast());
    expect(event.holds).toEqual([]);
    expect(dial.front.isEnding).toBe(true);
  });

  it('that begins later waits until the connection ends', async () => {
    const dial = forwarding();
    await dial.connect();
    const event = drain(dial);
    expect(event.holds).toEqual(['relay']);
    dial.back.endInput();
    expect(dial.front.isEnding).toBe(true);
  });

  it('does not wait without holdsDrain', async () => {
    const dial = forwarding(false);
    await dial.connect();
    expect(drain(dial).holds).toEqual([]);
    expect(dial.front.isEnding).toBe(true);
  });
});
