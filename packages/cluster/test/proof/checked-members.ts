import { Bootstrap, type Channel, type Group, silentLogger } from '@headrace/core';
import { MemberTransport } from '../simulation/member.ts';

/** What the members of a node got of one sender. */
export interface Heard {
  /** The last number of the member that is furthest behind, and of the one that is furthest ahead. */
  readonly first: number;
  readonly last: number;
  /** Numbers that were left out, of all members together. */
  readonly missed: number;
}

/** A message of a sender; its numbers begin at 1. */
export type Numbered = readonly [sender: number, number: number, ...rest: unknown[]];

/** Members of a group that check what each of them gets: numbers that go up, for each sender. */
export class CheckedMembers {
  /** Numbers that came twice or out of order. */
  faults = 0;
  private readonly group: Group<Numbered>;
  private readonly senders: number;
  private readonly channels: Channel[] = [];
  private readonly lasts: Uint32Array[] = [];
  private readonly missed: Uint32Array;

  constructor(group: Group<Numbered>, senders: number) {
    this.group = group;
    this.senders = senders;
    this.missed = new Uint32Array(senders);
  }

  /** @param onTaken - called with what the last one of them gets */
  async add(count: number, onTaken?: (message: Numbered) => void): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const lasts = new Uint32Array(this.senders);
      const take = (message: Numbered) => this.take(lasts, message);
      const isLast = i === count - 1 && onTaken !== undefined;
      const both = (message: Numbered) => {
        take(message);
        onTaken?.(message);
      };
      this.lasts.push(lasts);
      this.channels.push(await memberChannel((isLast ? both : take) as (message: unknown) => void));
    }
    for (const channel of this.channels) this.group.add(channel);
  }

  /** By sender. */
  heard(): Heard[] {
    return Array.from({ length: this.senders }, (_, sender) => {
      let first = Number.POSITIVE_INFINITY;
      let last = 0;
      for (const lasts of this.lasts) {
        first = Math.min(first, lasts[sender]!);
        last = Math.max(last, lasts[sender]!);
      }
      return { first, last, missed: this.missed[sender]! };
    });
  }

  private take(lasts: Uint32Array, [sender, number]: Numbered): void {
    const last = lasts[sender]!;
    if (number <= last) this.faults += 1;
    else {
      this.missed[sender]! += number - last - 1;
      lasts[sender] = number;
    }
  }
}

/** A connection of this process: what is written to it is taken at once. */
export async function memberChannel(take: (message: unknown) => void): Promise<Channel> {
  return await new Bootstrap()
    .options({ logger: silentLogger })
    .handler(() => {})
    .connect({ transport: new MemberTransport(take) });
}
