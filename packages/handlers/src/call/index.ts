/**
 * Calls, for authors of protocols: `@headrace/handlers/call`. The module manages the calls of either end of a connection, with
 * their limits, deadlines and cancels, for any wire format.
 *
 * @module
 */

export { Call, type CallCarrier, type CallOwner } from './call.ts';
export { afterSent, requestAborted, requestLost, requestTimedOut, wasSent } from './call-error.ts';
export { CallLine, type CallLineOptions, type CallWire } from './call-line.ts';
export { CallOutput } from './call-output.ts';
export { CallTable, type CallTableOptions } from './call-table.ts';
export { encodeErrorOf } from './encode-error.ts';
export { endUnanswered } from './end-unanswered.ts';
export { isItemSource } from './item-source.ts';
export { jsonSize } from './json-size.ts';
export {
  holdMessage,
  MESSAGE_HOLDER,
  type MessageHold,
  type MessageHolder,
} from './message-hold.ts';
export { type RequestScope, Work } from './work.ts';
export { type WorkLimits, type WorkOwner, WorkTable } from './work-table.ts';
