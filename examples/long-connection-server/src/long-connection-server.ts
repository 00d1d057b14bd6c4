// A server for long connections over lines of text: sign-in, heartbeat, idle detection, echo, and an API
// to reach one client or all. Clients send AUTH:<id>, PING, or anything else, which comes back as ECHO:…
import {
  ChannelGroup,
  type Clock,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { ConnectionLimitHandler, SessionRegistry } from '@headrace/handlers';
import { buildPipeline } from './connection-pipeline.ts';

export interface LongConnectionOptions {
  readonly host?: string;
  /** @default 18888 */
  readonly port?: number;
  /** @default 120000 */
  readonly readerIdleMs?: number;
  /** @default 10000 */
  readonly authTimeoutMs?: number;
  /** The most that one client may send and get. @default Infinity */
  readonly bytesPerSecond?: number;
  readonly logger?: Logger;
  /** Tests move its time themselves. @default the system's */
  readonly clock?: Clock;
}

export class LongConnectionServer {
  private readonly options: LongConnectionOptions;
  private readonly clients = new ChannelGroup('clients', { slowMember: 'drop-newest' });
  private readonly sessions = new SessionRegistry<string>((id) => id);
  private server: Server | undefined = undefined;

  constructor(options: LongConnectionOptions = {}) {
    this.options = options;
  }

  async start(): Promise<number> {
    const { host = '127.0.0.1', port = 18_888, logger, clock } = this.options;
    const { readerIdleMs = 120_000, authTimeoutMs = 10_000 } = this.options;
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = this.options;
    const { clients, sessions } = this;
    this.server = await new ServerBootstrap()
      .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
      .childOptions({ ...(logger && { logger }), ...(clock && { clock }) })
      .childHandler((channel) =>
        buildPipeline(channel, { readerIdleMs, authTimeoutMs, bytesPerSecond, clients, sessions }),
      )
      .bind({ host, port });
    return this.server.port;
  }

  async stop(): Promise<void> {
    await this.server?.shutdown();
  }

  /** True if the client is connected and takes output. */
  sendToClient(id: string, text: string): boolean {
    const channel = this.sessions.channel(id);
    if (channel?.isWritable !== true) return false;
    channel.writeAndFlush(oneLine(text));
    return true;
  }

  /** How many clients it was sent to; one that reads too slowly does not get it. */
  broadcast(text: string): number {
    const reached = this.clients.members().filter((channel) => channel.isWritable).length;
    this.clients.writeAndFlush(oneLine(text));
    return reached;
  }

  onlineSize(): number {
    return this.sessions.size;
  }
}

/** A line feed would make two messages of one. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}
