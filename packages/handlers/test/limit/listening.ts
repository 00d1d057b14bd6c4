import type { Address, Context, Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';

/** A connection that a listening channel took. */
export interface Taken {
  readonly child: EmbeddedChannel;
  /** What was sent on it and not looked at yet. */
  readonly sent: unknown[];
  readonly wasAccepted: boolean;
}

/** A listening channel with handlers before its acceptor. */
export interface Listening {
  readonly server: EmbeddedChannel;
  readonly accept: (host: string) => Taken;
}

/** The clock of all the connections. */
export const listeningClock: VirtualClock = new VirtualClock();

/** An accepted channel that nobody has registered yet. */
function connectionFrom(host: string): EmbeddedChannel {
  const family = host.includes(':') ? 'IPv6' : 'IPv4';
  const remoteAddress: Address = host.startsWith('/')
    ? { path: host }
    : { host, port: 1234, family };
  return EmbeddedChannel.with({ clock: listeningClock, register: false, remoteAddress });
}

function sentBy(child: EmbeddedChannel): unknown[] {
  const sent: unknown[] = [];
  for (let one = child.readOutbound(); one !== undefined; one = child.readOutbound())
    sent.push(one);
  return sent;
}

export function listeningWith(...handlers: readonly Handler[]): Listening {
  let last: unknown;
  const acceptor: Handler = {
    channelRead(_ctx: Context, child: unknown) {
      last = child;
    },
  };
  const options = { clock: listeningClock, register: false };
  const server = EmbeddedChannel.with(options, ...handlers, acceptor);
  Object.assign(server, { isServer: true });
  server.register();
  const accept = (host: string): Taken => {
    const child = connectionFrom(host);
    server.writeInbound(child);
    return {
      child,
      wasAccepted: last === child,
      get sent() {
        return sentBy(child);
      },
    };
  };
  return { server, accept };
}
