// Devices of MQTT 5 or 3.1.1: they sign in, publish their values to `devices/NAME/state`, and get commands on `devices/NAME/commands`.
// Written from docs/guides/mqtt.md, auth.md and heartbeat-and-idle.md.
import { parseJson } from '@headrace/codec';
import { type Channel, handler, ServerBootstrap, sequential } from '@headrace/core';
import {
  AuthHandler,
  ConnectionLimitHandler,
  IdleCloseHandler,
  IdleStateHandler,
  principalOf,
  SessionRegistry,
  secretsEqual,
} from '@headrace/handlers';
import { MQTT_REASONS, MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';

const properties = { maximumQos: 1, retainAvailable: false } as const;
const connack = (returnCode: number): MqttPacket => ({
  type: 'connack',
  sessionPresent: false,
  returnCode,
  properties,
});

/** @param onValues - stores values: a device gets its acknowledgement after that */
export async function startDevices(
  port: number,
  tokens: ReadonlyMap<string, string>,
  onValues: (device: string, values: unknown) => Promise<unknown>,
  onGone: (device: string) => void,
) {
  const sessions = new SessionRegistry<string>((name) => name).on('offline', onGone);
  /** Where each device that has subscribed gets its commands. */
  const subscribed = new Map<string, Channel>();

  const signIn = () =>
    new AuthHandler({
      authenticate: (packet: MqttPacket) =>
        packet.type === 'connect' &&
        secretsEqual(new TextDecoder().decode(packet.password), tokens.get(packet.clientId))
          ? { principal: packet.clientId }
          : { refused: 'wrong token' },
      sessions,
      duplicatePolicy: 'kick-older',
      replies: {
        accepted: () => connack(MQTT_REASONS.success),
        refused: () => connack(MQTT_REASONS.badUserNameOrPassword),
      },
    });

  const keepAlive = () =>
    handler<{ reads: MqttPacket; passesOn: MqttPacket }>({
      channelRead(ctx, packet) {
        if (packet.type === 'connect' && packet.keepAliveSeconds > 0) {
          const idle = new IdleStateHandler({ readerIdleMs: packet.keepAliveSeconds * 1500 });
          ctx.pipeline.replace(IdleStateHandler, idle);
        }
        ctx.fireChannelRead(packet);
      },
    });
  const device = handler<{ reads: MqttPacket; passesOn: never; writes: MqttPacket }>({
    sharable: true,
    async channelRead(ctx, packet) {
      const { channel } = ctx;
      const name = principalOf<string>(channel)!;
      if (packet.type === 'pingreq') ctx.writeAndFlush({ type: 'pingresp' });
      else if (packet.type === 'publish' && packet.qos < 2) {
        const { topic, payload, packetId } = packet;
        if (topic === `devices/${name}/state`) {
          await onValues(name, parseJson(payload, 65_536));
        }
        if (packetId !== undefined) ctx.writeAndFlush({ type: 'puback', packetId });
      } else if (packet.type === 'subscribe') {
        const isOwn = ({ topic }: { topic: string }) => topic === `devices/${name}/commands`;
        const granted = packet.subscriptions.map((one) => (isOwn(one) ? 0 : 0x87));
        if (granted.includes(0) && subscribed.get(name) !== channel) {
          subscribed.set(name, channel);
          channel.onClosed(() => subscribed.get(name) === channel && subscribed.delete(name));
        }
        ctx.writeAndFlush({ type: 'suback', packetId: packet.packetId, granted });
      } else ctx.close();
    },
  });

  const server = await new ServerBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        new IdleStateHandler({ readerIdleMs: 90_000 }),
        new IdleCloseHandler(),
        new MqttDecoder({ protocolLevels: [4, 5] }),
        new MqttEncoder(),
        keepAlive(),
        signIn(),
        sequential(device), // a device gets its acknowledgements in order
      ),
    )
    .bind({ host: '127.0.0.1', port });

  return { server, subscribed };
}
