// The peer ends its half while output is under way, without `allowHalfOpen`.
import type { Channel, ChannelOptions, Context, Handler, WriteFuture } from '@headrace/core';
import { PendingWriteQueue, SettableFuture } from '@headrace/core/authoring';
import { connectedPair } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const BYTES = 10_000;
const CAPACITY = 1000;

/** A client that reads nothing until it is told to, asks a question, and ends its half. The server answers with `answer`. */
function asked(
  answer: (ctx: Context) => void,
  options: Omit<ChannelOptions, 'clock'> = {},
  first: readonly Handler[] = [],
) {
  const errors: string[] = [];
  const answerer: Handler = {
    channelRead: (ctx) => answer(ctx),
    exceptionCaught: (_ctx, error) =>
      void errors.push((error as { code?: string }).code ?? error.message),
  };
  let received = 0;
  const { client, server, clock } = connectedPair({
    capacityBytes: CAPACITY,
    options,
    server: (channel) => void channel.pipeline.addLast(...(first as [Handler]), answerer),
    client: (channel) =>
      void channel.pipeline.addLast({
        channelRead(_ctx: Context, bytes: Buffer) {
          received += bytes.length;
        },
        exceptionCaught: (ctx: Context) => void ctx.close(),
      }),
  });
  const hold = client.holdReads('test');
  client.writeAndFlush(Buffer.from('question'));
  clock.run(() => client.shutdown('output').onSettled(() => {}));
  return {
    client,
    server: server as Channel,
    clock,
    errors,
    read: () => clock.run(() => hold.release()),
    get received() {
      return received;
    },
  };
}

/** The reason with which a channel closed, and the side that closed it. */
const endOf = ({ closeInfo }: Channel) => closeInfo && `${closeInfo.reason} by ${closeInfo.by}`;

const writeAnswer = (ctx: Context): WriteFuture => ctx.writeAndFlush(Buffer.alloc(BYTES));

describe('a channel whose peer ends its half', () => {
  it('sends what was written, then ends with the reason peer', () => {
    let future: WriteFuture | undefined;
    const link = asked((ctx) => {
      future = writeAnswer(ctx);
    });
    expect([link.server.isOpen, link.server.isInputShutdown, link.server.isEnding]).toEqual([
      true,
      true,
      true,
    ]);
    link.read();
    expect([link.received, future?.isSuccess, endOf(link.server)]).toEqual([
      BYTES,
      true,
      'peer by peer',
    ]);
  });

  it('sends what was written and not flushed', () => {
    const link = asked((ctx) => void ctx.write(Buffer.alloc(BYTES)));
    link.read();
    expect([link.received, endOf(link.server)]).toEqual([BYTES, 'peer by peer']);
  });

  it('waits for a handler that holds output back', () => {
    let queue!: PendingWriteQueue;
    const holding: Handler = {
      handlerAdded(ctx) {
        queue = new PendingWriteQueue(ctx);
      },
      write: (_ctx, message) => queue.add(message),
      shutdown(ctx, direction) {
        const ending = new SettableFuture();
        ctx.clock.schedule(() => {
          queue.removeAndWriteAll();
          ctx.flush();
          ctx.shutdown(direction).onSettled(() => ending.succeed());
        }, 500);
        return ending;
      },
    };
    const link = asked(writeAnswer, {}, [holding]);
    link.read();
    expect(link.received).toBe(0);
    link.clock.advance(500);
    expect([link.received, endOf(link.server)]).toEqual([BYTES, 'peer by peer']);
  });

  it('closes at once if nothing waits to be sent', () => {
    const link = asked((ctx) => void ctx.writeAndFlush(Buffer.alloc(10)));
    expect(endOf(link.server)).toBe('peer by peer');
  });

  it('refuses later writes', async () => {
    const link = asked(writeAnswer);
    await expect(
      Promise.resolve(link.server.writeAndFlush(Buffer.from('late'))),
    ).rejects.toMatchObject({
      code: 'HR_ERR_OUTPUT_SHUTDOWN',
    });
    link.read();
    expect([link.received, endOf(link.server)]).toEqual([BYTES, 'peer by peer']);
  });

  it('keeps its reason if the application calls end() meanwhile', () => {
    const link = asked(writeAnswer);
    link.server.end();
    link.read();
    expect([link.received, endOf(link.server)]).toEqual([BYTES, 'peer by peer']);
  });

  it('closes as a slow consumer if the peer reads nothing', () => {
    const link = asked(writeAnswer, { outboundStallMs: 1000 });
    link.clock.advance(2000);
    expect(endOf(link.server)).toBe('slow-consumer by local');
    link.read();
    expect(link.client.closeInfo?.reason).toBe('reset');
  });

  it('is reset after two seconds without progress if no stall is watched', () => {
    const link = asked(writeAnswer, { outboundStallMs: false });
    link.clock.advance(1999);
    expect(link.server.isOpen).toBe(true);
    link.clock.advance(1);
    expect(endOf(link.server)).toBe('peer by peer');
    link.read();
    expect(link.client.closeInfo?.reason).toBe('reset');
  });

  it('reports a reset that cuts the rest', () => {
    const link = asked(writeAnswer);
    link.clock.run(() => link.client.abort());
    expect([endOf(link.server), link.errors]).toEqual(['reset by peer', ['HR_ERR_CHANNEL_RESET']]);
  });
});
