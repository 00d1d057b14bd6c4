// A link on virtual time, and a server of lines that does what the test says.
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { WEB_SOCKET_CLOSE } from '@headrace/websocket';
import { ChatLink, type ChatLinkOptions } from '../../src/client/chat-link.ts';
import type { Phase } from '../../src/client/phase.ts';
import type { ServerMessage } from '../../src/client/server-message.ts';

/** One connection, as the server sees it. */
export interface Scripted {
  readonly sent: string[];
  readonly channel: Channel<string, string>;
}

const MAX_LENGTH = 64 * 1024;

export class ScriptedChat {
  readonly clock = new VirtualClock();
  readonly connections: Scripted[] = [];
  readonly phases: Phase[] = [];
  readonly messages: ServerMessage[] = [];
  readonly roundTrips: number[] = [];
  readonly asked: string[] = [];
  readonly link: ChatLink<MemoryTarget>;
  /** Chance, for the waits: the share of each window. */
  roll = 0.25;
  /** How a connection cannot even be tried. */
  refusal: Error | undefined = undefined;
  /** Of the close frame, where the connection is a WebSocket. */
  closeReason = '';
  private readonly network = new MemoryNetwork();
  private server: Server | undefined = undefined;

  constructor(options: Partial<ChatLinkOptions<MemoryTarget>> = {}) {
    const { clock, network } = this;
    const common = { logger: silentLogger, clock };
    this.link = new ChatLink<MemoryTarget>({
      clock,
      random: () => this.roll,
      onPhase: (phase) => this.phases.push(phase),
      onMessage: (message) => this.messages.push(message),
      onRoundTrip: (ms) => this.roundTrips.push(ms),
      door: {
        addresses: [{ network, name: 'chat' }],
        connector: (install) => {
          const bootstrap = new Bootstrap().options(common).handler((channel) => {
            channel.onClosed(() => {
              const { closeReason: reason } = this;
              if (reason !== '') channel.attributes.set(WEB_SOCKET_CLOSE, { code: 1008, reason });
            });
            return install(channel.pipeline.addLast(...textLines({ maxLength: MAX_LENGTH })));
          });
          return {
            connect: (place, target) => {
              if (this.refusal !== undefined) throw this.refusal;
              return bootstrap.connect(place, target);
            },
          };
        },
        ask: (_channel, word) => this.asked.push(word),
      },
      ...options,
    });
  }

  async start(): Promise<this> {
    const common = { logger: silentLogger, clock: this.clock };
    const binding = new ServerBootstrap()
      .options(common)
      .childOptions(common)
      .childHandler((channel) => {
        const sent: string[] = [];
        this.connections.push({ sent, channel: channel as never });
        const take = handler<{ reads: string; passesOn: never }>({
          channelRead: (_ctx, text) => void sent.push(text),
        });
        return channel.pipeline.addLast(...textLines({ maxLength: MAX_LENGTH }), take);
      })
      .bind({ network: this.network, name: 'chat' });
    await settle(this.clock);
    this.server = await binding;
    return this;
  }

  get latest(): Scripted {
    return this.connections.at(-1)!;
  }

  get phase(): Phase | undefined {
    return this.phases.at(-1);
  }

  get names(): string[] {
    return this.phases.map(({ name }) => name);
  }

  get pings(): number {
    return this.latest.sent.filter((text) => text === 'PING').length;
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  async says(...texts: string[]): Promise<void> {
    for (const text of texts) this.latest.channel.writeAndFlush(text);
    await this.settle();
  }

  async open(id = 'ada', token = 'secret'): Promise<void> {
    this.link.open({ id, token });
    await this.settle();
  }

  /** Opens, and is let in. */
  async goOnline(): Promise<void> {
    await this.open();
    await this.says('AUTH_OK');
  }

  /** The wait is over, and the link is let in again. */
  async comeBack(): Promise<void> {
    if (this.link.phase.name === 'waiting') await this.pass(this.link.phase.delayMs);
    await this.says('AUTH_OK');
  }

  /** @param reason - of the close frame */
  async breaks(reason = ''): Promise<void> {
    this.closeReason = reason;
    this.latest.channel.abort();
    await this.settle();
  }

  /** Returns how many timers are left. */
  async end(): Promise<number> {
    void this.link.close();
    await this.settle();
    for (const { channel } of this.connections) channel.abort();
    this.server?.channel.close();
    await this.settle();
    return this.clock.pendingTimers;
  }
}
