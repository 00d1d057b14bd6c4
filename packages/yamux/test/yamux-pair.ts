import type { Channel, Context, Handler } from '@headrace/core';
import { type ConnectedPair, connectedPair } from '@headrace/core/testing';
import { YamuxHandler, type YamuxOptions } from '@headrace/yamux';

/** The last handler of a substream: keeps what it reads, and notes the rest. */
export class SubstreamProbe implements Handler {
  readonly parts: Buffer[] = [];
  readonly events: string[] = [];
  bytes = 0;

  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }

  channelRead(_ctx: Context, part: Buffer): void {
    this.parts.push(part);
    this.bytes += part.length;
  }

  channelShutdown(_ctx: Context, direction: string): void {
    this.events.push(`shutdown ${direction}`);
  }

  channelInactive({ channel }: Context): void {
    this.events.push(`inactive ${channel.closeInfo?.reason} by ${channel.closeInfo?.by}`);
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.events.push(`error ${error.message}`);
  }
}

/** One end of a connection with substreams. */
export interface YamuxEnd {
  readonly handler: YamuxHandler;
  /** Of the substreams that the peer has opened, in their order. */
  readonly accepted: Channel[];
  readonly probes: SubstreamProbe[];
  readonly userEvents: unknown[];
}

export interface YamuxPair extends ConnectedPair {
  readonly near: YamuxEnd;
  readonly far: YamuxEnd;
  /** Opens a substream from one end, with a probe. */
  open(from: YamuxEnd, options?: object): Promise<[Channel, SubstreamProbe]>;
}

function endOf(role: 'client' | 'server', options: Partial<YamuxOptions>): YamuxEnd {
  const accepted: Channel[] = [];
  const probes: SubstreamProbe[] = [];
  const childHandler = (channel: Channel) => {
    const probe = new SubstreamProbe();
    accepted.push(channel);
    probes.push(probe);
    channel.pipeline.addLast(probe);
  };
  const handler = new YamuxHandler({ role, childHandler, ...options });
  return { handler, accepted, probes, userEvents: [] };
}

export function yamuxPair(
  options: {
    readonly client?: Partial<YamuxOptions>;
    readonly server?: Partial<YamuxOptions>;
    readonly capacityBytes?: number;
    /** Stands before the handler of the server. */
    readonly before?: Handler;
  } = {},
): YamuxPair {
  const near = endOf('client', options.client ?? {});
  const far = endOf('server', options.server ?? {});
  const after = ({ userEvents }: YamuxEnd): Handler => ({
    userEventTriggered(ctx, event) {
      userEvents.push(event);
      ctx.fireUserEventTriggered(event);
    },
  });
  const { capacityBytes, before } = options;
  const pair = connectedPair({
    client: (channel) => void channel.pipeline.addLast(near.handler, after(near)),
    server: (channel) => {
      if (before !== undefined) channel.pipeline.addLast(before);
      channel.pipeline.addLast(far.handler, after(far));
    },
    ...(capacityBytes !== undefined && { capacityBytes }),
  });
  const open = async (from: YamuxEnd, given: object = {}): Promise<[Channel, SubstreamProbe]> => {
    const probe = new SubstreamProbe();
    const initialize = (channel: Channel) => void channel.pipeline.addLast(probe);
    return [await pair.clock.run(() => from.handler.open(initialize, given)), probe];
  };
  return { ...pair, near, far, open };
}
