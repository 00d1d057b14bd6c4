import { type Channel, isHeadraceError, OptionError } from '@headrace/core';
import { describeOptions, fn } from '@headrace/core/authoring';

/**
 * What is known of one member:
 *
 * - `waiting`: nothing yet
 * - `acknowledged`: it had the message, and answered
 * - `refused`: it had the message, and answered with an error
 * - `unknown`: the message may have reached it, or not: no answer came before the end
 * - `unsent`: it certainly did not get the message
 */
export type LedgerState = 'waiting' | 'acknowledged' | 'refused' | 'unknown' | 'unsent';

/** One member in a {@link BroadcastLedger}. */
export interface LedgerRow {
  /** By `idOf`; in a cluster the id that the group has for the member, empty if it is not known. */
  readonly id: string;
  /** In a cluster, the node of the member. */
  readonly node: string | undefined;
  /** When the state was known, in milliseconds since 1970; `undefined` while it is `waiting`. */
  readonly at: number | undefined;
  readonly state: LedgerState;
}

/** Options of a {@link BroadcastLedger}. */
export interface BroadcastLedgerOptions {
  /** The id of a member, asked before anybody gets the message. @default the id of the channel */
  readonly idOf?: (channel: Channel) => string;
}

const OPTIONS = describeOptions('BroadcastLedger', {
  idOf: fn({ answers: 'at once', purpose: 'gives the id of a member' }),
});

/**
 * Who had one broadcast, and when: a row for each member, in the order in which they are asked. It is given to
 * `requestAll` as `ledger`, once; the answer of a member, also one of no content, is its acknowledgement.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { connectedPair } from '@headrace/core/testing';
 * import { BroadcastLedger, binaryExchange, ExchangeHandler, requestAll } from '@headrace/handlers';
 *
 * const format = binaryExchange();
 * const frames = () => lengthPrefixed({ maxFrameLength: 1000 });
 * const { client, clock } = connectedPair({
 *   client: ({ pipeline }) => pipeline.addLast(...frames(), new ExchangeHandler({ format })),
 *   server: ({ pipeline }) => pipeline.addLast(
 *     ...frames(),
 *     new ExchangeHandler({ format, handle: () => undefined }), // an acknowledgement
 *   ),
 * });
 * const ledger = new BroadcastLedger({ idOf: () => 'ann' });
 * await clock.run(() => requestAll([client], Buffer.from('doors close'), { ledger }).all());
 * for (const { id, state } of ledger) console.log(id, state);
 * // prints ann acknowledged
 * ```
 */
export class BroadcastLedger implements Iterable<LedgerRow> {
  private readonly idOf: (channel: Channel) => string;
  private rows: Map<unknown, LedgerRow> | undefined = undefined;

  constructor(options: BroadcastLedgerOptions = {}) {
    this.idOf = OPTIONS.resolve(options).idOf ?? (({ id }) => id);
  }

  /** How many members there are in each state. */
  get counts(): Readonly<Record<LedgerState, number>> {
    const counts = { waiting: 0, acknowledged: 0, refused: 0, unknown: 0, unsent: 0 };
    for (const { state } of this) counts[state] += 1;
    return counts;
  }

  [Symbol.iterator](): Iterator<LedgerRow> {
    return (this.rows ?? new Map<unknown, LedgerRow>()).values();
  }

  // --- for what asks members itself, as requestAll does ---

  /**
   * The broadcast begins, with these members.
   *
   * @throws OptionError `OPTION_CONFLICT` for a second broadcast; what `idOf` throws
   */
  begin(channels: Iterable<Channel>): void {
    if (this.rows !== undefined) {
      const text = 'this BroadcastLedger belongs to another broadcast: make one for each broadcast';
      throw new OptionError('OPTION_CONFLICT', text, { option: 'ledger' });
    }
    const ids = Array.from(channels, (channel) => [channel, this.idOf(channel)] as const);
    this.rows = new Map();
    for (const [channel, id] of ids) this.expect(channel, id);
  }

  /** A member of the broadcast that has begun; one that is there already stays as it is. */
  expect(member: unknown, id: string, node?: string): void {
    const rows = this.rows!;
    if (!rows.has(member)) rows.set(member, { id, node, at: undefined, state: 'waiting' });
  }

  /** A member has answered, or has this error. @param at - milliseconds since 1970 */
  settled(member: unknown, at: number, error: Error | undefined): void {
    this.set(member, at, stateOf(error));
  }

  /** Nothing more will be known of those that are waited for. @param at - milliseconds since 1970 */
  close(at: number): void {
    for (const [member, { state }] of this.rows ?? []) {
      if (state === 'waiting') this.set(member, at, 'unknown');
    }
  }

  private set(member: unknown, at: number, state: LedgerState): void {
    const { id, node } = this.rows!.get(member)!;
    this.rows!.set(member, { id, node, at, state });
  }
}

function stateOf(error: Error | undefined): LedgerState {
  if (error === undefined) return 'acknowledged';
  if (!isHeadraceError(error)) return 'unsent';
  if (error.code === 'HR_ERR_REQUEST_REFUSED') return 'refused';
  return error.details['sent'] === true ? 'unknown' : 'unsent';
}
