// Every place where bytes may outlive the read that brought them: a small view does not keep the memory of the whole
// read alive. A stranger's connection that does not read, another that talks, and a third that fills the memory between
// would otherwise hold a thousand times what is counted.
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LengthFieldPrepender } from '@headrace/codec';
import { ChannelGroup, type Handler } from '@headrace/core';
import { PendingWriteQueue, SettableFuture } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { RequestHandler } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { member } from '../../packages/websocket/test/socket/member.ts';

/** As much as small reads of all connections share. */
const READ_BYTES = 68 * 1024;
const READS = 100;
/** What is counted for a message that waits, with its bytes. */
const COUNTED_BYTES = 65;

type Take = (bytes: Buffer) => void;

/** Bytes of one read each, of which a handler sees one; gives the memory that is still in use after the place has taken them. */
async function kept(take: Take): Promise<number> {
  const memories = readsInto(take);
  // What a WeakRef has shown lives until the end of the turn.
  await nextTurn();
  globalThis.gc!();
  return memories.filter((memory) => memory.deref() !== undefined).length * READ_BYTES;
}

function readsInto(take: Take): WeakRef<ArrayBufferLike>[] {
  return Array.from({ length: READS }, () => {
    const read = Buffer.alloc(READ_BYTES);
    take(read.subarray(7, 8));
    return new WeakRef(read.buffer);
  });
}

function stuck(...handlers: Handler[]): EmbeddedChannel {
  const channel = EmbeddedChannel.with({}, ...handlers);
  channel.embedded.isStuck = true;
  channel.writeAndFlush(Buffer.from('before'));
  return channel;
}

const PLACES: Record<string, () => { take: Take; holder: unknown }> = {
  'output that is behind': () => {
    const holder = stuck();
    return { holder, take: (bytes) => void holder.writeAndFlush(bytes) };
  },
  'output that is behind, several messages for each flush': () => {
    const holder = stuck();
    const take: Take = (bytes) => {
      holder.write(bytes);
      holder.writeAndFlush('text');
    };
    return { holder, take };
  },
  'output with a header before it': () => {
    const holder = stuck(new LengthFieldPrepender({ lengthFieldLength: 2 }));
    return { holder, take: (bytes) => void holder.writeAndFlush(bytes) };
  },
  'output before the connection is up': () => {
    const holder = EmbeddedChannel.with({ register: false });
    holder.embedded.isActive = false;
    holder.register();
    return { holder, take: (bytes) => void holder.writeAndFlush(bytes) };
  },
  'a group with members that do not read': () => {
    const group = new ChannelGroup<Buffer>('slow');
    const holder = [group, stuck(), stuck()] as const;
    for (const channel of holder.slice(1)) group.add(channel as EmbeddedChannel);
    return { holder, take: (bytes) => void group.writeAndFlush(bytes) };
  },
  'a group of WebSockets that do not read': () => {
    const group = new ChannelGroup<Buffer>('sockets');
    const { channel, parent } = member();
    parent.embedded.isStuck = true;
    parent.writeAndFlush(Buffer.from('before'));
    group.add(channel);
    return { holder: [group, channel, parent], take: (bytes) => void group.writeAndFlush(bytes) };
  },
  'writes that a handler holds back': () => {
    const holder = new PendingWriteQueue({
      write: () => SettableFuture.succeeded(),
      addPendingOutboundBytes: () => {},
      reportFailure: () => {},
    });
    return { holder, take: (bytes) => void holder.add(bytes) };
  },
  'calls that run': () => {
    const asked: unknown[] = [];
    const handle = (bytes: Buffer) => new Promise<undefined>(() => void asked.push(bytes));
    const handler = new RequestHandler({ handle, concurrency: READS, maxPending: READS });
    const holder = [asked, EmbeddedChannel.with({}, handler)] as const;
    return { holder, take: (bytes) => void holder[1].writeInbound(bytes) };
  },
  'answers that wait for an earlier one': () => {
    let answer: Buffer | undefined;
    const handle = () => answer ?? new Promise<Buffer>(() => {});
    const handler = new RequestHandler({ handle, concurrency: READS, maxPending: READS });
    const channel = EmbeddedChannel.with({}, handler).writeOneInbound('first');
    const take: Take = (bytes) => {
      answer = bytes;
      channel.writeInbound('next');
    };
    return { holder: channel, take };
  },
  'messages that wait for a loop over them': () => {
    const channel = new EmbeddedChannel();
    const holder = [channel, channel[Symbol.asyncIterator]()] as const;
    return { holder, take: (bytes) => channel.run(() => channel.pipeline.fireChannelRead(bytes)) };
  },
};

describe('bytes that outlive their read', () => {
  it.each(Object.entries(PLACES))(
    'hold at most four times what is counted: %s',
    async (_, make) => {
      const { take, holder } = make();
      const bytes = await kept(take);
      // The read that is being delivered, and the one before it.
      expect(bytes).toBeLessThanOrEqual(4 * READS * COUNTED_BYTES + 2 * READ_BYTES);
      expect(holder).toBeDefined();
    },
  );
});
