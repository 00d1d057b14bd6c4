import type { DatagramSocket } from '@headrace/core';
import type { DatagramCounters } from '../transport/datagram-counters.ts';
import type { IntakeLimits } from '../transport/datagram-intake.ts';
import type { NextTurn } from '../transport/next-turn.ts';
import type { SendOutcomes } from '../transport/send-outcomes.ts';
import type { StrangerLog } from './stranger-log.ts';

/** The part of a listener that a peer uses. */
export interface PeerOwner {
  readonly socket: DatagramSocket;
  readonly counters: DatagramCounters;
  readonly turn: NextTurn;
  readonly outcomes: SendOutcomes;
  readonly log: StrangerLog;
  readonly limits: IntakeLimits;
  readonly idleMs: number;
  readonly amplification: number;
  readonly signInProves: boolean;
  /** Removes the peer with this id, after it has closed. */
  forget(id: string): void;
}
