// A chat server for one test file, in this process.
import type { Clock, Logger } from '@headrace/core';
import { type ChatServer, startChatServer } from '../src/chat-server.ts';
import { LocalGround } from '../src/room.ts';
import { type Settings, settingsSchema } from '../src/settings.ts';
import { type ChatPeer, connectPeer, type Framing, joinAs } from './chat-peer.ts';

export class RunningChat {
  readonly chat: ChatServer;
  readonly ground: LocalGround;
  /** The log, `level text`. */
  readonly log: string[];
  private readonly peers: ChatPeer[] = [];

  private constructor(chat: ChatServer, ground: LocalGround, log: string[]) {
    this.chat = chat;
    this.ground = ground;
    this.log = log;
  }

  static async start(settings: Partial<Settings> = {}, clock?: Clock): Promise<RunningChat> {
    const log: string[] = [];
    const logger: Logger = {
      log(level, message, error) {
        if (level !== 'debug') log.push(`${level} ${message}${error ? `: ${error.message}` : ''}`);
      },
    };
    const parsed = settingsSchema.parse({ port: 0, ...settings });
    const ground = new LocalGround(parsed.maxOutboundBytes);
    const chat = await startChatServer({
      settings: parsed,
      logger,
      ground,
      ...(clock && { clock }),
    });
    return new RunningChat(chat, ground, log);
  }

  get port(): number {
    return this.chat.server.port;
  }

  async connect(framing: Framing): Promise<ChatPeer> {
    const peer = await connectPeer(this.port, framing);
    this.peers.push(peer);
    return peer;
  }

  async join(framing: Framing, id: string): Promise<ChatPeer> {
    const peer = await joinAs(this.port, framing, id);
    this.peers.push(peer);
    return peer;
  }

  /** The log once all connections have closed: the peer gets its last text a moment before. */
  async logged(): Promise<readonly string[]> {
    await Promise.all([...this.chat.server.connections].map((channel) => channel.closed));
    return this.log;
  }

  /** Ends the test's peers and waits until the server knows that they are gone. */
  async hangUp(): Promise<void> {
    const open = [...this.chat.server.connections];
    for (const peer of this.peers.splice(0)) peer.destroy();
    await Promise.all(open.map((channel) => channel.closed));
    this.log.length = 0;
  }

  async stop(): Promise<void> {
    for (const peer of this.peers.splice(0)) peer.destroy();
    await this.chat.server.close();
    await this.chat.shutdown();
  }
}
