// The chat's room on several nodes, in this process and on virtual time.

import { MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { type Handler, silentLogger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import {
  Authenticator,
  ChatAuthHandler,
  ChatEchoHandler,
  clientIdKey,
} from 'headrace-example-broadcast-chat';
import {
  type Member,
  Room,
  RoomBroadcastHandler,
  settingsSchema,
  WhoHandler,
} from 'headrace-example-chat-showcase';
import { ClusterGround } from '../src/cluster-ground.ts';

/** A member's end of a connection. */
export interface VirtualPeer {
  readonly channel: EmbeddedChannel;
  say(...texts: readonly string[]): void;
  /** The texts that it got since the last call. */
  heard(): string[];
}

/** One node of the room. */
export class VirtualNode {
  readonly cluster: Cluster<Member>;
  readonly ground: ClusterGround;
  readonly room: Room;
  private readonly chat: VirtualChat;

  constructor(chat: VirtualChat, cluster: Cluster<Member>) {
    this.chat = chat;
    this.cluster = cluster;
    this.ground = new ClusterGround(cluster, settingsSchema.parse({}));
    this.room = new Room(this.ground);
  }

  connect(): VirtualPeer {
    const { clock, commands } = this.chat;
    const channel = EmbeddedChannel.with({ clock });
    const authenticator = new Authenticator(settingsSchema.parse({}));
    channel.pipeline.addLast(
      new ChatAuthHandler(authenticator, this.room.members, this.room.sessions, 10_000),
      new WhoHandler(this.room),
    );
    for (const handler of commands(this.ground, this.room)) channel.pipeline.addLast(handler);
    channel.pipeline.addLast(new ChatEchoHandler(), new RoomBroadcastHandler(this.room));
    return {
      channel,
      say: (...texts) => void channel.writeInbound(...texts),
      heard() {
        const texts: string[] = [];
        for (let text = channel.readOutbound(); text !== undefined; text = channel.readOutbound()) {
          texts.push(String(text));
        }
        return texts;
      },
    };
  }

  /** Signed in; the `AUTH_OK` is taken. */
  async join(id: string): Promise<VirtualPeer> {
    const peer = this.connect();
    peer.say(`AUTH:${id}`);
    const [answer] = peer.heard();
    if (answer !== 'AUTH_OK') throw new Error(`${id} heard ${answer}`);
    await this.chat.pass(300);
    return peer;
  }
}

export class VirtualChat {
  readonly clock = new VirtualClock();
  readonly hub = new MemoryHub();
  /** Makes the handlers of further commands. */
  readonly commands: (ground: ClusterGround, room: Room) => readonly Handler[];

  constructor(commands: (ground: ClusterGround, room: Room) => readonly Handler[] = () => []) {
    this.commands = commands;
  }

  async node(): Promise<VirtualNode> {
    const { clock, hub } = this;
    const joining = Cluster.join<Member>({
      app: 'chat',
      bus: memoryBus({ hub }),
      clock,
      logger: silentLogger,
      load: () => 0,
      users: { onDuplicate: 'kick-older', idOf: ({ id }) => clientIdKey(id) },
    });
    await this.pass(1500);
    const node = new VirtualNode(this, await joining);
    await this.pass(1500);
    return node;
  }

  /** Time passes, and promises are kept up with it. */
  async pass(ms: number): Promise<void> {
    await turn();
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(Math.min(10, left));
      await turn();
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
