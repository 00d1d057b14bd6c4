// A gateway between devices and pages: each page has the last values of each device, and sends commands. A device that is gone is gone
// from the pages, too.
// Written from docs/guides/state-groups.md, pages.md and web-sockets.md.
import { LiveState, ReconnectingClient } from '@headrace/client';
import { Cluster } from '@headrace/cluster';
import { encodeJson } from '@headrace/codec';
import { handler, ServerBootstrap } from '@headrace/core';
import { type StateMessage, stateGroup } from '@headrace/durable';
import { HttpEndpoint, WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import { z } from 'zod';
import { startDevices } from './mqtt-devices.ts';

const Values = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
type Values = z.infer<typeof Values>;
const Position = z.object({ epoch: z.string(), offset: z.number() });
export const FromPage = z.union([
  z.object({ command: z.string(), device: z.string() }),
  z.object({ since: Position.optional() }).strict(),
]);
export type FromPage = z.infer<typeof FromPage>;
export type ToPage = StateMessage<Values> | { readonly sent: boolean };

const PUBLISH = { type: 'publish', qos: 0, retain: false, dup: false } as const;

export async function startMqttGateway(
  tokens: ReadonlyMap<string, string>,
  ports = { mqtt: 0, web: 0 },
) {
  const cluster = await Cluster.join({ app: 'devices' });
  const state = stateGroup<Values>(cluster, 'devices', { maxKeys: 10_000 });
  const devices = await startDevices(
    ports.mqtt,
    tokens,
    async (device, values) => state.set(device, Values.parse(values)),
    (device) => void state.delete(device).catch(() => {}),
  );
  const page = handler<{ reads: FromPage; passesOn: never; writes: ToPage }>({
    sharable: true,
    channelRead(ctx, message) {
      if ('device' in message) {
        const channel = devices.subscribed.get(message.device);
        const topic = `devices/${message.device}/commands`;
        const payload = encodeJson({ command: message.command });
        channel?.writeAndFlush({ ...PUBLISH, topic, payload });
        ctx.writeAndFlush({ sent: channel !== undefined });
      } else
        state.join(ctx.channel, message.since).catch((error) => ctx.fireExceptionCaught(error));
    },
  });
  const endpoint = new HttpEndpoint({
    webSocketPath: '/ws',
    webSocket: ({ pipeline }) =>
      pipeline.addLast(new WebSocketJsonCodec<FromPage, ToPage>({ schema: FromPage }), page),
  });
  const web = await new ServerBootstrap()
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: ports.web });
  const servers = [web, devices.server];
  return { mqtt: devices.server, web, close: () => cluster.leave({ servers }) };
}

/** The page's half. @param address - `/ws` in a page */
export function watchDevices(address: string) {
  const devices = new LiveState<Values>('devices', { maxKeys: 10_000 });
  const answers: ((sent: boolean) => void)[] = [];
  const takes = handler<{ reads: ToPage; passesOn: never; writes: FromPage }>({
    sharable: true,
    channelRead(_ctx, message) {
      if ('sent' in message) answers.shift()?.(message.sent);
      else devices.take(message);
    },
  });
  const client = new ReconnectingClient({
    bootstrap: new WebSocketBootstrap().handler(({ pipeline }) =>
      pipeline.addLast(new WebSocketJsonCodec<ToPage, FromPage>(), takes),
    ),
    addresses: [address],
    ready: (channel) => channel.writeAndFlush({ since: devices.begin() }),
  });
  client.on('loss', () => {
    devices.disconnected();
    for (const answer of answers.splice(0)) answer(false);
  });
  void client.start();
  return {
    devices,
    /** Resolves with false if the device gets no commands now, or the connection was lost. */
    command(device: string, command: string): Promise<boolean> {
      return new Promise((resolve) => {
        answers.push(resolve);
        client.writeAndFlush({ device, command });
      });
    },
    leave: () => client.close(),
  };
}
