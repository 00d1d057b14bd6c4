/**
 * For authors of handlers, codecs and transports: `@headrace/core/authoring`. Applications do not need it.
 *
 * @module
 */
import './copy.ts';

// Servers that listen by themselves
export { type BindPlace, bindFailure } from './bootstrap/bind-failure.ts';
// A place to connect to, checked and as text
export { checkConnectPlace, checkConnectPlaces, placeText } from './bootstrap/connect-target.ts';
export { findAddresses } from './bootstrap/find-addresses.ts';
export { type BufferPlace, bufferPlace, bufferView } from './bytes/buffer-view.ts';
// Keep bytes that arrive in pieces
export { ByteBlocks } from './bytes/byte-blocks.ts';
export {
  appendTo,
  byteLengthOf,
  COPY_BYTES,
  isOutboundBytes,
  sizeOfBytes,
  toBuffer,
} from './bytes/byte-source.ts';
// Keep input for later
export { unpinAll, unpinned } from './bytes/pinned-memory.ts';
// Functions of applications
export { atOnce } from './call/at-once.ts';
export { callInContext, callSafely } from './call/call-safely.ts';
// Streams and iterables that an application gives away
export {
  checkedResult,
  GivenSource,
  type ItemSource,
  isStreamSource,
  observeSource,
  releaseSource,
} from './call/given-source.ts';
export { onAbort } from './call/on-abort.ts';
export { isPromiseLike, whenSettled } from './call/promise-like.ts';
// Emit events to listeners that may throw
export { WatchedEmitter } from './call/watched-emitter.ts';
// Initializers of a bootstrap
export {
  builder,
  builderOf,
  type ChannelBuilder,
  type PipelineBuilder,
  required,
} from './channel/channel-builder.ts';
// Options of a channel, for functions that accept them among other options
export { CHANNEL_OPTIONS, CONNECTIONLESS_OPTIONS } from './channel/channel-options.ts';
// The transport below a channel
export {
  addPendingOutboundBytes,
  type ChannelOfSink,
  carrierOf,
  channelOf,
  isOpenedHere,
  onceInputDelivered,
  transportOf,
} from './channel/transport-of.ts';
export { UnobservedFailures } from './channel/unobserved-failures.ts';
// Parts of one message
export { writeTogether } from './channel/write-together.ts';
// Holds for drains, writes and reads
export { DrainGate } from './drain/drain-gate.ts';
// Drains, without the classes of their events
export { isDrainEvent } from './drain/drain-mark.ts';
export { isPeerLeaving, markPeerLeaving } from './drain/peer-leaving.ts';
// Errors
export { textOf, toError } from './errors.ts';
// Futures
export { type FailureReporter, SettableFuture } from './future/settable-future.ts';
// Encode once for many receivers
export { broadcasting, type EncodedForms, encodeOnce, writeToEach } from './group/encode-once.ts';
export { passedOver } from './group/passed-over.ts';
// Options of groups
export { SLOW_MEMBER_OPTIONS } from './group/slow-member.ts';
export {
  PendingWriteQueue,
  type PendingWriteQueueOptions,
  type PendingWriteTarget,
} from './hold/pending-write-queue.ts';
export { dropsKeptMessages, endsWhole, ReadGate } from './hold/read-gate.ts';
export { readOn, TakenReads } from './hold/taken-reads.ts';
export { WritableWaits } from './hold/writable-waits.ts';
// Faults of the program, as opposed to network errors
export { isOwnFault, markExpected } from './log/own-fault.ts';
// Warnings that a peer can cause again and again
export { RepeatLimit, type RepeatLimitOwner } from './log/repeat-limit.ts';
export { warnFirst } from './log/warn-first.ts';
// Loggers of applications
export { carefulLogger, LOGGER } from './option/careful-logger.ts';
// Options
export {
  type AnyFunction,
  type Callable,
  checkFunction,
  type FunctionRule,
  fn,
} from './option/function-option.ts';
export {
  checkKind,
  checkMethod,
  checkNumber,
  type NumberBounds,
} from './option/option-check.ts';
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
} from './option/option-kind.ts';
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
} from './option/option-set.ts';
// Schemas of zod, valibot, ArkType and others
export { present } from './option/present.ts';
export { RANDOM } from './option/random-option.ts';
export {
  checkSchema,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  validate,
} from './option/standard-schema.ts';
// Optional packages
export { importPeer } from './package/peer-package.ts';
// Events that two copies of a package share
export { recognizeCopies } from './package/recognize-copies.ts';
// Hosts in each of their forms
export { bareHost, socketHost, urlHost } from './peer/bare-host.ts';
export { isEveryAddress, isLoopback } from './peer/host-kind.ts';
// Trusted proxies
export { addNetwork } from './peer/ip-networks.ts';
export { peerOf, type TrustCheck, trustCheck } from './peer/trusted-peers.ts';
// Decode several frames together
export { type AheadReader, READS_AHEAD } from './pipeline/ahead-reader.ts';
export { aheadReaderOf, fireReadAhead } from './pipeline/handler-context.ts';
// Keep input for later
export type { InboundEvent, KeptEvent } from './pipeline/kept-event.ts';
export { KeptInput, type KeptInputSteps } from './pipeline/kept-input.ts';
export { KeptInputHandler } from './pipeline/kept-input-handler.ts';
export { KeptInputRouting } from './pipeline/kept-input-routing.ts';
// The kinds of messages that a handler reads
export { kindOf, misorderOfReads, misorderOfWrites } from './pipeline/message-order.ts';
// The functions of a class that declares `keepsReads`
export { methodOf, rememberMethods } from './pipeline/own-methods.ts';
// The handler that threw an error
export { throwerOf } from './pipeline/thrower.ts';
// The credit of a stream
export { ReceiveWindow, SendWindow } from './queue/credit-window.ts';
// Queues, and what an entry costs
export { ENTRY_OVERHEAD_BYTES } from './queue/entry-overhead.ts';
export { Fifo } from './queue/fifo.ts';
// A bounded table in which strangers do not displace other entries
export type { PlaceHolder } from './queue/places-by-network.ts';
// Numbered, acknowledged delivery
export { ReceiveSequence } from './queue/receive-sequence.ts';
// A bounded table of strangers' names.
export { RecentMap } from './queue/recent-map.ts';
// Numbered, acknowledged delivery
export { SendSequence } from './queue/send-sequence.ts';
// A bounded table in which strangers do not displace other entries
export { type KnownOrStranger, StrangersFirst } from './queue/strangers-first.ts';
// Delays before retries
export { checkedDelay } from './retry/checked-delay.ts';
export { type ExponentialOptions, exponential } from './retry/exponential.ts';
export { retryAfter } from './retry/retry-after.ts';
export { RetryBudget, type RetryBudgetOptions } from './retry/retry-budget.ts';
export type { RetryPolicy, RetryRound } from './retry/retry-policy.ts';
// Texts
export { addressText } from './text/address-text.ts';
export { isJsonObject, type NotJson, notJson } from './text/json-value.ts';
export { nearestTo } from './text/nearest-name.ts';
/** Escapes text of a peer, so that it is safe in a line of a log. */
export { printable } from './text/printable.ts';
export { rendezvous } from './text/rendezvous.ts';
export { requestPath } from './text/request-path.ts';
/** A URL without its secrets, and the header that carries them. */
export { credentialsOf, shownUrl } from './text/shown-url.ts';
export { hashOf, mixed } from './text/text-hash.ts';
export { urlOf } from './text/url-of.ts';
// Asynchronous work with a time-out
export {
  Attempt,
  type AttemptLimit,
  type AttemptLimits,
  type AttemptOutcome,
  attempted,
} from './time/attempt.ts';
// Deadlines of a channel, and of many calls
export { ChannelDeadline } from './time/channel-deadline.ts';
// Many deadlines
export type { HeapEntry } from './time/deadline-heap.ts';
export { DeadlineList } from './time/deadline-list.ts';
// Timers of a clock of your own
export { runTimer } from './time/late-timer.ts';
// Run a task once that is requested several times within an event
export { onceAfterEvent } from './time/once-after-event.ts';
// Time during which the process did not run
export { suspendedMs } from './time/suspended.ts';
// Rates with bursts
export { type Rate, TokenBucket } from './time/token-bucket.ts';
// Share the turns of the event loop
export { isTurnCheckDue } from './time/turn-check.ts';
// Memory of reads
export { FrameMemory } from './transport/frame-memory.ts';
// Transports without a socket
export {
  type ListenPlace,
  listenInMemory,
  type MemoryListener,
} from './transport/memory-source.ts';
// Input of transports of messages
export { MessageBursts, MessageInput } from './transport/message-input.ts';
export { isLent, keepLoan } from './transport/read-loan.ts';
export { extendRead, ReadRoom } from './transport/read-memory.ts';
// Errors in the form of system errors
export { systemError } from './transport/system-error.ts';
