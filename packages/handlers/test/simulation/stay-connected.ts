import { Bootstrap, type Channel, type ChannelOptions, type Handler } from '@headrace/core';
import type { SimulatedHost } from '@headrace/simulation';

/** One connection of a client, or the try to make one. */
export interface Session {
  readonly handlers: readonly Handler[];
  readonly connected: (channel: Channel) => void;
}

/** Options of {@link stayConnected}. */
export interface StayOptions {
  readonly channel?: ChannelOptions;
  /** The longest pause before the next try. @default 2000 */
  readonly maxPauseMs?: number;
}

/**
 * A client that connects to port 7 of `server`, and again after each loss, with pauses by chance.
 *
 * @param begin - called for each try, with a name for it that no other has: `ann#1.3`
 */
export function stayConnected(
  host: SimulatedHost,
  begin: (name: string) => Session,
  { channel: channelOptions, maxPauseMs = 2000 }: StayOptions = {},
): void {
  let tries = 0;
  const again = () => {
    host.clock.schedule(dial, 50 + host.random() * maxPauseMs);
  };
  const dial = () => {
    tries += 1;
    const { handlers, connected } = begin(`${host.name}#${host.startCount}.${tries}`);
    new Bootstrap()
      .options({ ...host.options, connectTimeoutMs: 4000, ...channelOptions })
      .handler((channel) => void channel.pipeline.addLast(...handlers))
      .connect({ network: host, host: 'server', port: 7 })
      .then((channel) => {
        channel.onClosed(again);
        if (channel.isOpen) connected(channel);
      }, again);
  };
  dial();
}

/** Calls a task again and again while a connection is open, with pauses between half of `everyMs` and all of it. */
export function whileOpen(
  host: SimulatedHost,
  channel: Channel,
  everyMs: number,
  task: () => void,
): void {
  const next = () => {
    const pauseMs = everyMs * (0.5 + host.random() / 2);
    host.clock.schedule(() => {
      if (!channel.isOpen || channel.isEnding) return;
      task();
      next();
    }, pauseMs);
  };
  next();
}
