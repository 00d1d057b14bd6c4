import { type Channel, ChannelGroup, type HeadraceError } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange } from '../../src/index.ts';

const format = jsonRpcExchange();

/** What a member got: a request, or a cancel. */
interface Got {
  readonly id?: number;
  readonly method: string;
}

/** Members of one group, whose peers the test plays. */
export class Members {
  readonly clock = new VirtualClock();
  readonly group = new ChannelGroup('members');
  readonly channels: EmbeddedChannel[] = [];

  constructor(count: number) {
    for (let i = 0; i < count; i += 1) this.add(`m${i}`, new ExchangeHandler({ format }));
  }

  add(id: string, ...handlers: ExchangeHandler<JsonRpcExchange>[]): EmbeddedChannel {
    const given = { clock: this.clock, id };
    const channel = EmbeddedChannel.with(given, ...(handlers as [])) as EmbeddedChannel;
    this.channels.push(channel);
    this.group.add(channel);
    return channel;
  }

  /** The methods that a member's peer has got since the last look. */
  async got(at: number): Promise<string[]> {
    await this.turn();
    return this.take(at).map(({ method }) => method);
  }

  /** The peer of a member answers the request that it has. */
  async answer(at: number, result: unknown = `re:m${at}`): Promise<void> {
    await this.turn();
    const { id } = this.take(at).at(-1)!;
    this.channels[at]!.writeInbound({ jsonrpc: '2.0', id, result });
    await this.turn();
  }

  async refuse(at: number): Promise<void> {
    await this.turn();
    const { id } = this.take(at).at(-1)!;
    const error = { code: 7, message: 'no' };
    this.channels[at]!.writeInbound({ jsonrpc: '2.0', id, error });
    await this.turn();
  }

  async pass(ms: number): Promise<void> {
    await this.turn();
    this.clock.advance(ms);
    await this.turn();
  }

  async turn(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      this.clock.runTasks();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private take(at: number): Got[] {
    const all: Got[] = [];
    const channel = this.channels[at]!;
    for (let next = channel.readOutbound(); next !== undefined; next = channel.readOutbound()) {
      all.push(next as Got);
    }
    return all;
  }
}

interface One {
  readonly channel: Channel;
  readonly answer?: unknown;
  readonly error?: Error | undefined;
}

/** One answer as a text: the member, and what it said or why there is none. */
export function told({ channel, answer, error }: One): string {
  if (error === undefined) return `${channel.id} ${String(answer)}`;
  const { code = error.name, details } = error as HeadraceError;
  const sent = details?.['sent'] === undefined ? '' : ` sent ${details['sent']}`;
  return `${channel.id} ${code.replace('HR_ERR_', '')}${sent}`;
}
