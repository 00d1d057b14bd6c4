import { type AddressFunction, ReconnectingClient, spread } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type Channel, type PortPlace, silentLogger } from '@headrace/core';

/** Messages that a client keeps count of. */
const MAX_MESSAGES = 4096;

/** A member of the room of `durable-program.ts`: it comes back with its position, and repeats what was not stored. */
export class RoomClient {
  /** How often each message came. */
  readonly counts = new Uint8Array(MAX_MESSAGES);
  /** Messages at or before its position. */
  doubled = 0;
  /** It came back, and the log did not reach back. */
  unrecovered = 0;
  losses = 0;
  /** Messages that were not acknowledged when it lost its connection. */
  repeated = 0;
  /** The longest time between two messages, in milliseconds. */
  pauseMs = 0;
  private heardAt: number | undefined = undefined;
  private epoch: string | undefined = undefined;
  private offset = 0;
  private channel: Channel | undefined = undefined;
  private joined: () => void = () => {};
  private readonly unsaid = new Map<string, string>();
  private readonly id: string;
  private readonly client: ReconnectingClient<PortPlace>;

  constructor(id: string, addresses: AddressFunction<PortPlace>) {
    this.id = id;
    this.client = new ReconnectingClient<PortPlace>({
      bootstrap: new Bootstrap().options({ logger: silentLogger }).handler((channel) =>
        channel.pipeline.addLast(...textLines({ maxLength: 256 }), {
          channelRead: (_ctx, line) => this.took(String(line)),
        }),
      ),
      addresses,
      ready: (channel) => this.join(channel),
      // Sooner than by default, for the sake of the time a proof takes.
      retry: spread({ firstMs: 1000, maxMs: 4000 }),
      logger: silentLogger,
    });
    this.client.on('state', ({ name }) => {
      if (name === 'online') this.repeat();
      else if (this.channel !== undefined) {
        this.repeated += this.unsaid.size;
        this.channel = undefined;
      }
      if (name === 'waiting') this.losses += 1;
    });
  }

  get isOnline(): boolean {
    return this.channel !== undefined;
  }

  /** Messages that are not known to be stored. */
  get unacknowledged(): number {
    return this.unsaid.size;
  }

  /** How it is, for a report: its state, its losses, and the last one. */
  get story(): string {
    const { state } = this.client;
    const last = 'loss' in state ? ` ${JSON.stringify(state.loss)}` : '';
    const wait = state.name === 'waiting' ? ` for ${Math.round(state.delayMs)} ms` : '';
    return `${this.id} ${state.name}${wait}, lost ${this.losses} times${last}`;
  }

  async start(): Promise<void> {
    await this.client.start();
  }

  /** The text is a number; see {@link counts}. */
  say(number: number): void {
    const id = `m${number}`;
    this.unsaid.set(id, String(number));
    this.channel?.writeAndFlush(`SAY ${id} ${number}`);
  }

  watch(): void {
    this.pauseMs = 0;
    this.losses = 0;
    this.heardAt = performance.now();
  }

  private join(channel: Channel): Promise<void> {
    const at = this.epoch === undefined ? '' : ` ${this.epoch} ${this.offset}`;
    channel.writeAndFlush(`JOIN ${this.id}${at}`);
    return new Promise((resolve) => {
      this.joined = resolve;
    });
  }

  private repeat(): void {
    this.channel = this.client.channel;
    for (const [id, text] of this.unsaid) this.channel?.write(`SAY ${id} ${text}`);
    this.channel?.flush();
  }

  private took(line: string): void {
    const [word, first = '', second = '', third = ''] = line.split(' ');
    if (word === 'AT') this.heard(first, Number(second), Number(third));
    else if (word === 'OK') this.unsaid.delete(first);
    else if (word === 'JOINED') {
      if (this.epoch !== undefined && first !== 'true') this.unrecovered += 1;
      this.epoch ??= second;
      this.offset = Math.max(this.offset, Number(third));
      this.joined();
    }
  }

  private heard(epoch: string, offset: number, number: number): void {
    if (epoch === this.epoch && offset <= this.offset) this.doubled += 1;
    this.epoch = epoch;
    this.offset = offset;
    this.counts[number]! += 1;
    const now = performance.now();
    if (this.heardAt !== undefined) this.pauseMs = Math.max(this.pauseMs, now - this.heardAt);
    this.heardAt = now;
  }
}
