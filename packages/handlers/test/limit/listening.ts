import {
  type Address,
  type Context,
  type Handler,
  resolveChannelOptions,
  silentLogger,
  TransportChannel,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';

/** A connection that a listening channel took, and what was sent on it. */
export interface Taken {
  readonly child: TransportChannel;
  readonly sent: string[];
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
function connectionFrom(host: string): { child: TransportChannel; sent: string[] } {
  const sent: string[] = [];
  const family = host.includes(':') ? 'IPv6' : 'IPv4';
  const remoteAddress: Address = host.startsWith('/')
    ? { path: host }
    : { host, port: 1234, family };
  const transport = {
    accepts: 'text',
    isActive: true,
    localAddress: remoteAddress,
    remoteAddress,
    unsentBytes: 0,
    open() {},
    requestRead() {},
    pauseReading() {},
    sizeOf: (message: unknown) => String(message).length,
    write(messages: readonly unknown[]) {
      sent.push(...messages.map(String));
      return true;
    },
    shutdownOutput() {},
    close() {},
    abort() {},
  };
  const options = resolveChannelOptions({ clock: listeningClock, logger: silentLogger });
  return { child: new TransportChannel(transport, options), sent };
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
    const { child, sent } = connectionFrom(host);
    server.writeInbound(child);
    return { child, sent, wasAccepted: last === child };
  };
  return { server, accept };
}
