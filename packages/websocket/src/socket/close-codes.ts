import { Buffer } from 'node:buffer';
import { type CloseReason, isHeadraceError } from '@headrace/core';

/** How a peer closed its WebSocket. */
export interface WebSocketClose {
  /** The code of its close frame; 1005 if it named none, 1006 if there was no close frame at all. */
  readonly code: number;
  /** The text of its close frame; empty without one. */
  readonly reason: string;
}

/** A peer that does not answer our close frame is dropped after this. */
export const CLOSE_TIMEOUT_MS = 2000;
/** Stands for a close frame without a code. */
export const NO_CODE = 1005;
/** Stands for an end without a close frame. */
export const CUT_OFF = 1006;

const NORMAL = 1000;
const POLICY = 1008;

const CODES: Readonly<Record<string, number>> = {
  local: NORMAL,
  peer: NORMAL,
  shutdown: 1001,
  'bad-input': POLICY,
  idle: POLICY,
  timeout: POLICY,
  unauthenticated: POLICY,
  replaced: POLICY,
  'slow-consumer': POLICY,
  heartbeat: POLICY,
  error: 1011,
  refused: 1013,
  limit: 1013,
};

/** The code of the close frame for one of our reasons; what the peer sent wrongly has codes of its own. */
export function closeCodeOf(reason: CloseReason, error?: Error): number {
  if (isHeadraceError(error, 'TEXT_NOT_UTF8')) return 1007;
  if (isHeadraceError(error, 'FRAME_TOO_LONG')) return 1009;
  if (isHeadraceError(error, 'FRAME_CORRUPT')) return 1002;
  if (isHeadraceError(error, 'MESSAGE_INVALID')) return 1003;
  if (isHeadraceError(error, 'MESSAGE_UNREADABLE')) return 1003;
  return CODES[reason] ?? NORMAL;
}

const MAX_REASON_BYTES = 123;

/** A close frame has room for 123 bytes of reason. */
export function closeText(reason: CloseReason): string {
  return Buffer.byteLength(reason) <= MAX_REASON_BYTES ? reason : '';
}
