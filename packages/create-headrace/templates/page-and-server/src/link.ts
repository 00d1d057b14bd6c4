// The connection of a page to its server: it comes back by itself, and signs in again each time.
import { ReconnectingClient } from '@headrace/client';
import { type Channel, handler } from '@headrace/core';
import { WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import { type Say, Told } from './messages.ts';

export interface LinkOptions {
  /** `/ws` in a page; a URL with `ws:` elsewhere. */
  readonly address: string;
  readonly name: string;
  readonly told: (message: Told) => void;
}

export type Link = ReconnectingClient<string, Channel<never, Say>>;

export function openLink({ address, name, told }: LinkOptions): Link {
  const link: Link = new ReconnectingClient<string, Channel<never, Say>>({
    bootstrap: new WebSocketBootstrap().handler((channel) =>
      channel.pipeline.addLast(
        new WebSocketJsonCodec<Told, Say>({ schema: Told }),
        handler<{ reads: Told; passesOn: never }>({
          channelRead: (_ctx, message) => told(message),
        }),
      ),
    ),
    addresses: [address],
    ready: (channel) => channel.writeAndFlush({ type: 'join', name }),
  });
  void link.start();
  return link;
}
