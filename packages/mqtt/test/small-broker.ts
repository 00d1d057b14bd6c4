import { type Channel, type Context, type Server, ServerBootstrap } from '@headrace/core';
import { MqttDecoder, MqttEncoder, type MqttPacket, type MqttQos } from '@headrace/mqtt';

type Of<T extends MqttPacket['type']> = Extract<MqttPacket, { type: T }>;

/** A broker without sessions and retained messages, for real clients. Topics match only as a whole. */
export class SmallBroker {
  /** All packets that clients have sent. */
  readonly received: MqttPacket[] = [];
  private readonly subscribers = new Map<string, Map<Channel, MqttQos>>();
  private nextId = 1;

  bind(): Promise<Server> {
    return new ServerBootstrap()
      .childHandler((channel) => {
        channel.pipeline.addLast(
          new MqttDecoder({ protocolLevels: [3, 4, 5], maxTopicAliases: 10 }),
          new MqttEncoder(),
          {
            channelRead: (ctx: Context, packet: MqttPacket) => this.read(ctx.channel, packet),
            channelInactive: (ctx: Context) => this.leave(ctx.channel),
          },
        );
      })
      .bind({ host: '127.0.0.1', port: 0 });
  }

  private read(channel: Channel, packet: MqttPacket): void {
    this.received.push(packet);
    const answer = this.answerTo(channel, packet);
    if (answer !== undefined) void channel.writeAndFlush(answer);
    if (packet.type === 'publish') this.forward(packet);
    if (packet.type === 'disconnect') void channel.end();
  }

  private answerTo(channel: Channel, packet: MqttPacket): MqttPacket | undefined {
    switch (packet.type) {
      case 'connect':
        return { type: 'connack', sessionPresent: false, returnCode: 0, ...assigned(packet) };
      case 'publish': {
        const { qos, packetId = 0 } = packet;
        return qos === 0 ? undefined : { type: qos === 1 ? 'puback' : 'pubrec', packetId };
      }
      case 'pubrel':
        return { type: 'pubcomp', packetId: packet.packetId };
      case 'pubrec':
        return { type: 'pubrel', packetId: packet.packetId };
      case 'subscribe': {
        const { packetId, subscriptions } = packet;
        for (const { topic, qos } of subscriptions) this.membersOf(topic).set(channel, qos);
        return { type: 'suback', packetId, granted: subscriptions.map(({ qos }) => qos) };
      }
      case 'unsubscribe': {
        const { packetId, topics } = packet;
        for (const topic of topics) this.membersOf(topic).delete(channel);
        return { type: 'unsuback', packetId, reasonCodes: topics.map(() => 0) };
      }
      case 'pingreq':
        return { type: 'pingresp' };
      default:
        return undefined;
    }
  }

  private membersOf(topic: string): Map<Channel, MqttQos> {
    const members = this.subscribers.get(topic) ?? new Map<Channel, MqttQos>();
    this.subscribers.set(topic, members);
    return members;
  }

  private forward(packet: Of<'publish'>): void {
    for (const [channel, most] of this.membersOf(packet.topic)) {
      const qos = Math.min(packet.qos, most) as MqttQos;
      const { packetId: _, ...fields } = packet;
      const id = qos === 0 ? {} : { packetId: this.nextId++ };
      void channel.writeAndFlush({ ...fields, ...id, qos, dup: false, retain: false });
    }
  }

  private leave(channel: Channel): void {
    for (const members of this.subscribers.values()) members.delete(channel);
  }
}

function assigned({ clientId, protocolLevel }: Of<'connect'>): Pick<Of<'connack'>, 'properties'> {
  if (clientId !== '' || protocolLevel !== 5) return {};
  return { properties: { assignedClientIdentifier: 'auto-1' } };
}
