import type { Context, Handler } from '@headrace/core';
import { PendingWriteQueue } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { KeptMessages } from '../../src/routing/kept-messages.ts';
import { replaceWith } from '../../src/routing/replace-with.ts';

const tag = (mark: string): Handler => ({
  channelRead: (ctx, message: string) => ctx.fireChannelRead(`${message}${mark}`),
});

/** Holds messages until "go" comes. */
class Gate implements Handler {
  readonly held: string[] = [];
  readonly replacement: () => readonly Handler[] | (() => void);
  private isOpen = false;

  constructor(replacement: () => readonly Handler[] | (() => void)) {
    this.replacement = replacement;
  }

  channelRead(ctx: Context, message: string): void {
    if (message !== 'go') this.held.push(message);
    else if (!this.isOpen) {
      this.isOpen = true;
      replaceWith(ctx, this.replacement(), this.held);
    }
  }
}

describe('replaceWith', () => {
  it('adds the new handlers in order, then passes on what was held, then removes the old one', () => {
    const order: string[] = [];
    const last: Handler = {
      handlerAdded: () => void order.push('added'),
      channelRead: (ctx, message) => {
        order.push(`read ${message}`);
        ctx.fireChannelRead(message);
      },
    };
    class NotedGate extends Gate {
      handlerRemoved(): void {
        order.push('removed');
      }
    }
    const channel = new EmbeddedChannel(new NotedGate(() => [tag('1'), tag('2'), last]), tag('!'));
    channel.writeInbound('a', 'b', 'go', 'c');
    expect(order).toEqual(['added', 'read a12', 'read b12', 'removed', 'read c12']);
    expect(channel.finish().inbound).toEqual(['a12!', 'b12!', 'c12!']);
  });

  it('lets a function add the handlers', () => {
    const channel: EmbeddedChannel = new EmbeddedChannel(
      new Gate(() => () => channel.pipeline.addLast(tag('f'))),
    );
    channel.writeInbound('a', 'go');
    expect(channel.readInbound()).toBe('af');
  });

  it('passes messages that arrive while it passes others on after those', () => {
    let channel: EmbeddedChannel;
    const echoIn: Handler = {
      channelRead: (ctx, message: string) => {
        if (message === 'a') channel.writeOneInbound('late');
        ctx.fireChannelRead(message);
      },
    };
    channel = new EmbeddedChannel(new Gate(() => [echoIn]));
    channel.writeInbound('a', 'b', 'go');
    expect(channel.finish().inbound).toEqual(['a', 'b', 'late']);
  });

  it('does nothing more when a handler that it feeds has removed the old one', () => {
    let channel: EmbeddedChannel;
    const remover: Handler = {
      channelRead: (ctx, message: string) => {
        channel.pipeline.removeIfExists(Gate);
        ctx.fireChannelRead(message);
      },
    };
    channel = new EmbeddedChannel(new Gate(() => [remover]));
    channel.writeInbound('a', 'b', 'go');
    expect(channel.finish().inbound).toEqual(['a', 'b']);
  });

  it('leaves a handler alone that took the name of the old one meanwhile', () => {
    let channel: EmbeddedChannel;
    const replacer: Handler = {
      channelRead: (ctx, message: string) => {
        const [name = ''] = channel.pipeline.names();
        if (message === 'a') channel.pipeline.replace(Gate, tag('!'), name);
        ctx.fireChannelRead(message);
      },
    };
    channel = new EmbeddedChannel(new Gate(() => [replacer]));
    channel.writeInbound('a', 'b', 'go', 'c');
    expect(channel.finish().inbound).toEqual(['a', 'b!', 'c!']);
  });

  it('with a PendingWriteQueue, holds writes until a handshake is complete, or fails them', () => {
    class Handshake implements Handler {
      private queue!: PendingWriteQueue;

      handlerAdded(ctx: Context): void {
        this.queue = new PendingWriteQueue(ctx);
      }
      write(_ctx: Context, message: unknown) {
        return this.queue.add(message);
      }
      channelRead(ctx: Context, message: string): void {
        if (message === 'no') {
          this.queue.removeAndFailAll(new Error('refused'));
          ctx.fireExceptionCaught(new Error('refused'));
          ctx.close('refused');
          return;
        }
        replaceWith(ctx, []);
        ctx.fireUserEventTriggered('ready');
        this.queue.removeAndWriteAll();
        ctx.flush();
      }
      channelReadComplete(): void {}
    }
    const events: unknown[] = [];
    const app: Handler = { userEventTriggered: (_ctx, event) => void events.push(event) };
    const yes = new EmbeddedChannel(new Handshake(), app);
    yes.writeOutbound('early');
    expect(yes.readOutbound()).toBeUndefined();
    yes.writeInbound('yes');
    yes.writeInbound('later');
    expect(events).toEqual(['ready']);
    expect(yes.finish()).toMatchObject({ inbound: ['later'], outbound: ['early'] });

    const no = new EmbeddedChannel(new Handshake());
    const failures: unknown[] = [];
    no.run(() => no.write('early').onSettled((error) => failures.push(error?.message)));
    expect(() => no.writeInbound('no')).toThrow('refused');
    expect(failures).toEqual(['refused']);
    expect(no.closeInfo?.reason).toBe('refused');
  });

  it('keeps the rest while reads are held, in order with what comes after it, and drops it at the end', () => {
    for (const isEnded of [false, true]) {
      const seen: string[] = [];
      let hold: { release(): void } | undefined;
      const app: Handler = {
        channelRead: (ctx, message: string) => {
          seen.push(message);
          if (message === 'a') hold = ctx.channel.holdReads('test');
          if (message === 'a' && isEnded) ctx.channel.end();
        },
        channelInactive: () => void seen.push('inactive'),
      };
      const channel = new EmbeddedChannel(new Gate(() => [app]));
      channel.writeInbound('a', 'b', 'go', 'c');
      channel.writeInbound('d');
      expect(seen).toEqual(['a']);
      channel.run(() => hold!.release());
      if (!isEnded) expect(channel.pipeline.get(KeptMessages)).toBeUndefined();
      channel.endInput();
      expect(seen).toEqual(isEnded ? ['a', 'inactive'] : ['a', 'b', 'c', 'd', 'inactive']);
    }
  });

  it("delivers the rest before the peer's end although reads are held", () => {
    const seen: string[] = [];
    const app: Handler = {
      channelRead: (ctx, message: string) => {
        seen.push(message);
        ctx.channel.holdReads('test');
      },
      channelInactive: () => void seen.push('inactive'),
    };
    const channel = new EmbeddedChannel(new Gate(() => [app]));
    channel.writeInbound('a', 'b', 'go', 'c');
    channel.endInput();
    expect(seen).toEqual(['a', 'b', 'c', 'inactive']);
  });
});
