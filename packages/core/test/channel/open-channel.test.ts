import {
  AttributeKey,
  type Channel,
  connectChannel,
  openChannel,
  registerChannel,
  silentLogger,
} from '@headrace/core';
import { EmbeddedChannel, recordEvents, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { EmbeddedTransport } from '../../src/testing/embedded-transport.ts';

const NAME = new AttributeKey<string>('name');

function connecting() {
  const transport = new EmbeddedTransport(() => {});
  transport.isActive = false;
  const clock = new VirtualClock();
  return { transport, clock, options: { clock, logger: silentLogger } };
}

describe('openChannel', () => {
  it('gives back a registered channel with its attributes, its pipeline and its parent', () => {
    const parent = new EmbeddedChannel();
    const seen = recordEvents();
    const transport = new EmbeddedTransport(() => {});
    let nameAtInitialize: string | undefined;
    const channel = openChannel(transport, {
      parent,
      attributes: [[NAME, 'door']],
      initialize: (self) => {
        nameAtInitialize = self.attributes.get(NAME);
        self.pipeline.addLast(seen);
      },
    });
    expect(nameAtInitialize).toBe('door');
    expect(seen.events).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
    expect([channel.isRegistered, channel.isActive, transport.reads]).toEqual([true, true, 1]);
    expect([channel.parent, channel.clock, channel.logger]).toEqual([
      parent,
      parent.clock,
      parent.logger,
    ]);
  });

  it('closes the channel if its initializer throws', () => {
    const clock = new VirtualClock();
    const channel = openChannel(new EmbeddedTransport(() => {}), {
      clock,
      logger: silentLogger,
      initialize() {
        throw new Error('no');
      },
    });
    expect(channel.closeInfo).toMatchObject({ reason: 'error', error: { message: 'no' } });
  });

  it('opens nothing if an option is not valid', () => {
    const transport = new EmbeddedTransport(() => {});
    expect(() => openChannel(transport, { writeBufferLowBytes: -1 })).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }),
    );
    expect(transport.isActive).toBe(true);
    expect(transport.reads).toBe(0);
  });
});

describe('connectChannel', () => {
  it('resolves with the active channel', async () => {
    const { transport, options } = connecting();
    let made!: Channel;
    const connected = connectChannel(transport, {
      ...options,
      initialize: (channel) => {
        made = channel;
      },
    });
    expect(made.isActive).toBe(false);
    transport.sink.connected();
    expect(await connected).toBe(made);
    expect(made.isActive).toBe(true);
  });

  it('rejects with TIMEOUT_CONNECT after its time, and closes', async () => {
    const { transport, clock, options } = connecting();
    let made!: Channel;
    const connected = connectChannel(transport, {
      ...options,
      connectTimeoutMs: 50,
      target: 'the moon',
      initialize: (channel) => {
        made = channel;
      },
    });
    clock.advance(49);
    expect(made.isOpen).toBe(true);
    clock.advance(1);
    await expect(connected).rejects.toThrow('no connection to the moon within 50 ms');
    await expect(connected).rejects.toMatchObject({ code: 'HR_ERR_TIMEOUT_CONNECT' });
    expect(made.isOpen).toBe(false);
  });

  it('rejects with the signal’s reason, before and during the connect', async () => {
    const { transport, options } = connecting();
    const controller = new AbortController();
    const connected = connectChannel(transport, { ...options, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(connected).rejects.toThrow('enough');
    const { transport: other } = connecting();
    await expect(connectChannel(other, { signal: controller.signal })).rejects.toThrow('enough');
  });
});

describe('registerChannel', () => {
  it('starts a channel that was accepted and not started', () => {
    const child = EmbeddedChannel.with({ register: false });
    const seen = recordEvents();
    registerChannel(child, (channel) => channel.pipeline.addLast(seen));
    expect(seen.events).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
  });

  it('closes it if the initializer throws', () => {
    const child = EmbeddedChannel.with({ register: false });
    registerChannel(child, () => {
      throw new Error('no');
    });
    expect(child.closeInfo).toMatchObject({ reason: 'error', error: { message: 'no' } });
  });

  it('closes and refuses the channel of another copy of core, which would otherwise never start', async () => {
    vi.resetModules();
    const other: typeof import('@headrace/core/testing') = await import('@headrace/core/testing');
    expect(other.EmbeddedChannel).not.toBe(EmbeddedChannel);
    const child = other.EmbeddedChannel.with({ register: false });
    expect(() => registerChannel(child as Channel)).toThrow(/made by this copy of core/);
    expect([child.isOpen, child.closeInfo?.reason]).toEqual([false, 'error']);
  });
});
