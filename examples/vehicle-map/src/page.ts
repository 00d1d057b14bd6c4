// The page: the state of the group, drawn. It comes back by itself after a lost connection.
import { LiveState, ReconnectingClient } from '@headrace/client';
import { handler } from '@headrace/core';
import type { StateMessage } from '@headrace/durable';
import { WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import type { Place } from './map-server.ts';

const live = new LiveState<Place>('vehicles');
const takes = handler<{ reads: StateMessage<Place>; passesOn: never }>({
  sharable: true,
  channelRead: (_ctx, message) => void live.take(message),
});
const client = new ReconnectingClient({
  bootstrap: new WebSocketBootstrap().handler(({ pipeline }) =>
    pipeline.addLast(new WebSocketJsonCodec(), takes),
  ),
  addresses: ['/map'],
  ready: (channel) => channel.writeAndFlush({ since: live.begin() }),
});
client.on('loss', () => live.disconnected());
void client.start();

// --- the drawing ---

/** The time between two reports of a vehicle. A vehicle takes it to move to its new place. */
const MOVE_MS = 1000;
const COLORS = { tcp: '#5fc6d1', udp: '#f0b64a', stale: '#60717a' };

const canvas = document.querySelector('canvas')!;
const output = document.querySelector('output')!;
const context = canvas.getContext('2d')!;
const moves = new Map<string, { readonly from: Place; readonly to: Place; readonly at: number }>();

function placeOf(id: string, now: number): Place | undefined {
  const move = moves.get(id);
  if (move === undefined) return undefined;
  const { from, to, at } = move;
  const part = Math.min(1, (now - at) / MOVE_MS);
  return { ...to, x: from.x + part * (to.x - from.x), y: from.y + part * (to.y - from.y) };
}

live.on('change', ({ key, value }) => {
  const at = performance.now();
  if (value === undefined) moves.delete(key);
  else moves.set(key, { from: placeOf(key, at) ?? value, to: value, at });
});

function draw(now: number): void {
  const { innerWidth: width, innerHeight: height } = window;
  Object.assign(canvas, { width, height }); // clears it, too
  const counts = { tcp: 0, udp: 0 };
  for (const id of moves.keys()) {
    const { x, y, via } = placeOf(id, now)!;
    counts[via] += 1;
    context.fillStyle = COLORS[live.status === 'ready' ? via : 'stale'];
    context.fillRect(x * width - 2, y * height - 2, 5, 5);
  }
  const text = `${counts.tcp} vehicles over TCP (blue), ${counts.udp} over UDP (yellow): ${live.status}`;
  if (output.value !== text) output.value = text;
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
