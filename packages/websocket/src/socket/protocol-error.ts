import { DecodeError } from '@headrace/core';

// Codes of close frames (RFC 6455, section 7.4.1).
export const BROKEN = 1002;
export const NOT_UTF8 = 1007;
export const TOO_MANY = 1008;
export const TOO_LONG = 1009;

/** Creates the error for a protocol error of the peer, from the close code of the WebSocket. */
export function protocolError(closeCode: number, why: string, cause?: Error): DecodeError {
  const details = { closeCode };
  if (closeCode === NOT_UTF8) {
    return new DecodeError('TEXT_NOT_UTF8', 'a text message is not UTF-8', details, cause);
  }
  if (closeCode === TOO_LONG) {
    return new DecodeError('FRAME_TOO_LONG', 'a message is longer than allowed', details, cause);
  }
  if (closeCode === TOO_MANY) {
    const many = 'a message has more fragments than allowed';
    return new DecodeError('FRAME_TOO_LONG', many, details, cause);
  }
  const text = `the peer broke the WebSocket protocol (${why})`;
  return new DecodeError('FRAME_CORRUPT', text, details, cause);
}
