// A connection that comes back: each one is a new channel with new handlers, the client stays.
import { type ClientState, ReconnectingClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type ConnectPlace, handler, pipeline } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';

export interface ClientOptions {
  /** Tried in turn, in an order by chance, so that many clients spread over the servers. */
  readonly addresses: readonly ConnectPlace[];
  readonly onLine: (line: string) => void;
}

/** The handlers of one connection. */
export function clientPipeline({ onLine }: Pick<ClientOptions, 'onLine'>) {
  return pipeline().add(
    ...textLines(),
    // PING when it is quiet; no PONG for three times means that the server is gone. TCP alone notices too late.
    () => new HeartbeatHandler(HEARTBEAT_PRESETS.relaxed),
    () =>
      handler<{ reads: string; passesOn: never }>({ channelRead: (_ctx, line) => onLine(line) }),
  );
}

/** What is written while there is no connection waits for the next one, within limits. */
export function makeClient({ addresses, onLine }: ClientOptions) {
  return new ReconnectingClient({
    bootstrap: new Bootstrap().handler(clientPipeline({ onLine })),
    addresses: [...addresses],
    // retry: exponential({ … }) or fixed(1000); by default clients spread, so that a server that comes back lives
  });
}

/** A state as a line for people. */
export function stateText(state: ClientState<ConnectPlace>): string {
  switch (state.name) {
    case 'connecting':
      return `connecting, try ${state.attempt}`;
    case 'waiting':
      return `no connection (${state.loss.kind}); next try in ${Math.ceil(state.delayMs)} ms`;
    case 'closed':
      return state.error === undefined ? 'closed' : `closed: ${state.error.message}`;
    default:
      return state.name;
  }
}

/** Reads `host:port,host:port`. */
export function readAddresses(text: string): { host: string; port: number }[] {
  return text.split(',').map((part) => {
    const match = /^\s*\[?([^\s\]]+?)\]?:(\d{1,5})\s*$/.exec(part);
    const port = Number(match?.[2]);
    if (match === null || port < 1 || port > 65_535) {
      throw new Error(
        `ADDRESS is "${text}", but must be host:port, or several with commas between`,
      );
    }
    return { host: match[1]!, port };
  });
}
