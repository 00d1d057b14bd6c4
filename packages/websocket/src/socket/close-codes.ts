import { Buffer } from 'node:buffer';
import { type CloseReason, isHeadraceError } from '@headrace/core';

/** The close code and the close text that a peer sent. */
export interface WebSocketClose {
  /** Code of the peer's close frame; 1005 for a frame without a code, 1006 without a close frame. */
  readonly code: number;
  /** Text of the peer's close frame; empty without one. */
  readonly reason: string;
}

/** Time after which a peer that does not answer the close frame is disconnected. */
export const CLOSE_TIMEOUT_MS = 2000;
/** Stands for a close frame without a code. */
export const NO_CODE = 1005;
/** Stands for an end without a close frame. */
export const CUT_OFF = 1006;

const NORMAL = 1000;
const POLICY = 1008;
const OWN_FAULT = 1011;
const RESTART = 1012;

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
  error: OWN_FAULT,
  refused: 1013,
  limit: 1013,
};

/** Returns the close code for a close reason. Some errors of the peer's input have their own close codes. */
export function closeCodeOf(reason: CloseReason, error?: Error): number {
  if (isHeadraceError(error, 'TEXT_NOT_UTF8')) return 1007;
  if (isHeadraceError(error, 'FRAME_TOO_LONG')) return 1009;
  if (isHeadraceError(error, 'FRAME_CORRUPT')) return 1002;
  if (isHeadraceError(error, 'MESSAGE_INVALID')) return 1003;
  if (isHeadraceError(error, 'MESSAGE_UNREADABLE')) return 1003;
  if (isHeadraceError(error, 'DECODER_FAILED')) return OWN_FAULT;
  return CODES[reason] ?? NORMAL;
}

/** Returns true if a server closed as planned: it goes away, or restarts. */
export function isPlanned({ code }: WebSocketClose): boolean {
  return code === CODES['shutdown'] || code === RESTART;
}

const MAX_REASON_BYTES = 123;

/** Returns the text of a close frame, which has room for 123 bytes. */
export function closeText(reason: CloseReason): string {
  return Buffer.byteLength(reason) <= MAX_REASON_BYTES ? reason : '';
}
