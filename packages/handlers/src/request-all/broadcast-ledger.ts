import { type Channel, isHeadraceError, OptionError } from '@headrace/core';
import { describeOptions, fn } from '@headrace/core/authoring';

/**
 * State of one member:
 *
 * - `waiting`: nothing is known yet
 * - `acknowledged`: the member received the message and answered
 * - `refused`: the member received the message and answered with an error
 * - `unknown`: the message may have reached the member, but no answer arrived before the end
 * - `unsent`: the member certainly did not receive the message
 */
export type LedgerState = 'waiting' | 'acknowledged' | 'refused' | 'unknown' | 'unsent';

/** One member in a {@link BroadcastLedger}. */
export interface LedgerRow {
  /** Id of the member, from `idOf`. In a cluster, the id is from the group, and empty if unknown. */
  readonly id: string;
  /** Node of the member, in a cluster. */
  readonly node: string | undefined;
  /** Time when the state became known, in milliseconds since 1970. `undefined` while the state is `waiting`. */
  readonly at: number | undefined;
  readonly state: LedgerState;
}

/** Options of a {@link BroadcastLedger}. */
export interface BroadcastLedgerOptions {
  /** Returns the id of a member. Called before the message is sent to any member. @default the id of the channel */
  readonly idOf?: (channel: Channel) => string;
}

const OPTIONS = describeOptions('BroadcastLedger', {
  idOf: fn({ answers: 'at once', purpose: 'gives the id of a member' }),
});

/**
 * A record of the delivery of one broadcast, with a row for each member, in the order of the requests. Pass the ledger to one
 * `requestAll`. The answer of a member is its acknowledgement, even if the answer is empty.
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

  /** Number of members in each state. */
  get counts(): Readonly<Record<LedgerState, number>> {
    const counts = { waiting: 0, acknowledged: 0, refused: 0, unknown: 0, unsent: 0 };
    for (const { state } of this) counts[state] += 1;
    return counts;
  }

  [Symbol.iterator](): Iterator<LedgerRow> {
    return (this.rows ?? new Map<unknown, LedgerRow>()).values();
  }

  // --- for code that asks members itself, as requestAll does ---

  /**
   * Begins the broadcast with these members.
   *
   * @throws OptionError `OPTION_CONFLICT` for a second broadcast; errors that `idOf` throws
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

  /** Adds a member to the broadcast that has begun. An existing member is not changed. */
  expect(member: unknown, id: string, node?: string): void {
    const rows = this.rows!;
    if (!rows.has(member)) rows.set(member, { id, node, at: undefined, state: 'waiting' });
  }

  /** Records the answer or the error of a member. @param at - milliseconds since 1970 */
  settled(member: unknown, at: number, error: Error | undefined): void {
    this.set(member, at, stateOf(error));
  }

  /** Ends the broadcast. Members that are still `waiting` become `unknown`. @param at - milliseconds since 1970 */
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
