/**
 * For authors of handlers, codecs and transports: `@headrace/core/authoring`. Applications do not need it.
 *
 * @module
 */
import './copy.ts';

// What builds the pipelines of a bootstrap
export { checkInitializer, required, toFunction } from './bootstrap/bootstrap-options.ts';
// A place to connect to, checked and as text
export { checkConnectPlace, placeText } from './bootstrap/connect-target.ts';
// Options of a channel, for who takes them among others
export { CHANNEL_OPTIONS } from './channel/channel-options.ts';
// The transport below a channel
export { type ChannelOfSink, channelOf, transportOf } from './channel/transport-of.ts';
export { UnseenFailures } from './channel/unseen-failures.ts';
// Deadlines of a channel, and of many calls
export { ChannelDeadline } from './channel-deadline.ts';
// Errors
export { textOf, toError } from './errors.ts';
// Encode once for many receivers
export { encodeOnce } from './group/encode-once.ts';
// Options of groups
export { SLOW_MEMBER_OPTIONS } from './group/slow-member.ts';
// Texts and bytes
export { addressText } from './internal/address-text.ts';
// Futures
export { allSettled } from './internal/all-settled.ts';
// Functions of applications
export { atOnce } from './internal/at-once.ts';
export { type BufferPlace, bufferPlace, bufferView } from './internal/buffer-view.ts';
export {
  appendTo,
  byteLengthOf,
  isOutboundBytes,
  sizeOfBytes,
  toBuffer,
} from './internal/byte-source.ts';
export { callInContext, callSafely } from './internal/call-safely.ts';
// Loggers of applications
export { carefulLogger, LOGGER } from './internal/careful-logger.ts';
export type { HeapEntry } from './internal/deadline-heap.ts';
export { DeadlineList } from './internal/deadline-list.ts';
// A queue
export { DrainGate } from './internal/drain-gate.ts';
export { ENTRY_OVERHEAD_BYTES } from './internal/entry-overhead.ts';
export { Fifo } from './internal/fifo.ts';
// Options
export {
  type AnyFunction,
  type Callable,
  checkFunction,
  type FunctionRule,
  fn,
} from './internal/function-option.ts';
export { nearestTo } from './internal/nearest-name.ts';
// Do once what is asked for several times within an event
export { onceAfterEvent } from './internal/once-after-event.ts';
export {
  checkKind,
  checkMethod,
  checkNumber,
  checkObject,
  type NumberBounds,
} from './internal/option-check.ts';
export {
  type Absence,
  type AbsentOf,
  type Answers,
  CLOCK,
  choice,
  custom,
  flag,
  having,
  type KindOf,
  list,
  number,
  type OptionKind,
  object,
  type Same,
  text,
  time,
  unchecked,
  value,
  whole,
} from './internal/option-kind.ts';
export {
  type Described,
  describeOptions,
  describePart,
  type GivenOf,
  type KnownNames,
  type NamesOf,
  nested,
  type OptionKinds,
  OptionSet,
  type Resolved,
} from './internal/option-set.ts';
// Optional packages
export { importPeer } from './internal/peer-package.ts';
// Hold writes and reads back
export {
  PendingWriteQueue,
  type PendingWriteQueueOptions,
  type PendingWriteTarget,
} from './internal/pending-write-queue.ts';
// Keep input for later
export { unpinAll, unpinned } from './internal/pinned-memory.ts';
// A bounded table of which strangers do not push out others
export type { PlaceHolder } from './internal/places-by-network.ts';
/** Escapes text of a peer, so that it is safe in a line of a log. */
export { printable } from './internal/printable.ts';
export { isPromiseLike } from './internal/promise-like.ts';
export { RANDOM } from './internal/random-option.ts';
export { dropsKeptMessages, ReadGate } from './internal/read-gate.ts';
// Numbered, acknowledged delivery
export { ReceiveSequence } from './internal/receive-sequence.ts';
// A bounded table of strangers' names.
export { RecentMap } from './internal/recent-map.ts';
// Events that two copies of a package share
export { recogniseCopies } from './internal/recognise-copies.ts';
// Numbered, acknowledged delivery
export { SendSequence } from './internal/send-sequence.ts';
// Futures
export { type FailureReporter, SettableFuture } from './internal/settable-future.ts';
// Faults of the program, apart from those of networks
export { isOwnFault } from './internal/stderr-logger.ts';
// Time in which the process did nothing
export { stoodStillMs } from './internal/stood-still.ts';
export { type KnownOrStranger, StrangersFirst } from './internal/strangers-first.ts';
// Rates with bursts
export { type Rate, TokenBucket } from './internal/token-bucket.ts';
// Share the turns of the event loop
export { isTurnCheckDue } from './internal/turn-check.ts';
// Emit events to listeners that may throw
export { WatchedEmitter } from './internal/watched-emitter.ts';
export type { InboundEvent, KeptEvent } from './pipeline/kept-event.ts';
export { KeptInput, type KeptInputSteps } from './pipeline/kept-input.ts';
export { KeptInputHandler } from './pipeline/kept-input-handler.ts';
// The kinds of messages that a handler takes
export { kindOf, misorderOfReads, misorderOfWrites } from './pipeline/message-order.ts';
// The handler that threw an error
export { throwerOf } from './pipeline/thrower.ts';
// Transports without a socket
export {
  type ListenPlace,
  listenInMemory,
  type MemoryListener,
} from './transport/memory-source.ts';
// Memory of reads
export { extendRead, ReadRoom } from './transport/read-memory.ts';
// Errors as the system's
export { systemError } from './transport/system-error.ts';
// Proxies whose word is believed
export { peerOf, type TrustCheck, trustCheck } from './trusted-peers.ts';
