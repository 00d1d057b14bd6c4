import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { IdleCloseHandler } from '../../src/idle/idle-close-handler.ts';
import { IdleStateEvent } from '../../src/idle/idle-state-event.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';

describe('IdleCloseHandler', () => {
  it('ends an idle connection with a last word', () => {
    const channel = new EmbeddedChannel(
      new IdleStateHandler({ readerIdleMs: 120_000 }),
      new IdleCloseHandler({ lastWord: (event) => `idle ${event.state}` }),
    );
    channel.advance(119_999);
    expect(channel.isOutputShutdown).toBe(false);
    channel.advance(1);
    expect(channel.readOutbound()).toBe('idle reader');
    expect(channel.isOutputShutdown).toBe(true);
    channel.endInput();
    expect(channel.closeInfo).toMatchObject({ reason: 'idle', by: 'local' });
  });

  it('closes after the linger time when the peer is gone', () => {
    const channel = new EmbeddedChannel(
      new IdleStateHandler({ allIdleMs: 1000 }),
      new IdleCloseHandler({ state: 'all', reason: 'timeout' }),
    );
    channel.advance(3000);
    expect(channel.closeInfo?.reason).toBe('timeout');
  });

  it('passes other events on', () => {
    const seen: unknown[] = [];
    const last: Handler = { userEventTriggered: (_ctx: Context, event) => void seen.push(event) };
    const channel = new EmbeddedChannel(new IdleCloseHandler(), last);
    channel.pipeline.fireUserEventTriggered('other');
    channel.pipeline.fireUserEventTriggered(IdleStateEvent.of('writer', true));
    expect(seen).toEqual(['other', IdleStateEvent.of('writer', true)]);
    expect(channel.isOpen).toBe(true);
  });
});
