// The half of the cursor board in a page: joins again on each connection, and knows the cursors of all.
import { LiveState, ReconnectingClient } from '@headrace/client';
import { handler } from '@headrace/core';
import { WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import type { Cursor, FromPage, ToPage } from './cursor-board.ts';

/** @param address - `/ws` in a page */
export function joinBoard(address: string, name: string) {
  const cursors = new LiveState<Cursor>('cursors', { maxKeys: 1000 });
  const takes = handler<{ reads: ToPage; passesOn: never; writes: FromPage }>({
    sharable: true, // one for all connections, as the state is
    channelRead: (_ctx, message) => void cursors.take(message),
  });
  let last: Cursor | undefined;
  const client = new ReconnectingClient({
    bootstrap: new WebSocketBootstrap().handler(({ pipeline }) =>
      pipeline.addLast(new WebSocketJsonCodec<ToPage, FromPage>(), takes),
    ),
    addresses: [address],
    ready: (channel) => channel.writeAndFlush({ name, since: cursors.begin() }),
  });
  // The server forgot the cursor when the connection was lost.
  client.on('state', ({ name: state }) => {
    if (state === 'online' && last !== undefined) client.writeAndFlush({ cursor: last });
  });
  client.on('loss', () => cursors.disconnected());
  void client.start();
  return {
    /** A map with the events `change` and `status`. */
    cursors,
    move(cursor: Cursor): void {
      last = cursor;
      if (client.state.name === 'online') client.writeAndFlush({ cursor });
    },
    leave: () => client.close(),
  };
}
