import { JsonCodec, lengthPrefixed } from '@headrace/codec';
import { type Clock, type Handler, type Logger, OptionError } from '@headrace/core';
import {
  checkKind,
  choice,
  describeOptions,
  describePart,
  fn,
  LOGGER,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import {
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  type HeartbeatOptions,
  messageHeartbeat,
} from '@headrace/handlers';
import { isControl, PING, PONG } from './control-message.ts';
import { NestTcpFrameDecoder } from './nest-tcp-frame-decoder.ts';
import { NestTcpFrameEncoder } from './nest-tcp-frame-encoder.ts';

/** The times of heartbeats, in milliseconds, and the number of missed answers after which the connection is closed. */
export type HeartbeatTimes = Pick<
  HeartbeatOptions<never>,
  'intervalMs' | 'timeoutMs' | 'maxMissed'
>;

/** Options that a server and its clients share: the format of packets on the wire. */
export interface WireOptions {
  /**
   * Format of a frame. `headrace` is a length in four bytes, and then the packet in the codec. `nest-tcp` is `LENGTH#JSON`,
   * the format of Nest's own TCP transporter. Use it for services that still use that transporter. `nest-tcp` supports no
   * heartbeats, sign-in or cancels.
   * @default 'headrace'
   */
  readonly framing?: 'headrace' | 'nest-tcp';
  /**
   * Maximum length of a packet, in bytes, in both directions. A longer packet from the peer ends the connection.
   * @default 1_048_576 (1 MiB)
   */
  readonly maxFrameLength?: number;
  /**
   * Creates, for each connection, the handler that converts between frames and values: `JsonCodec`, `MsgpackCodec`,
   * `CborCodec`, or your own. Both ends need the same codec.
   * @default () => new JsonCodec()
   */
  readonly codec?: () => Handler;
  /**
   * Times of heartbeats, which check a silent peer. The connection is closed if the peer does not answer. `false` sends no
   * heartbeats, but heartbeats from the peer are still answered.
   * @default HEARTBEAT_PRESETS.relaxed, which detects a dead peer in 30 to 40 seconds
   */
  readonly heartbeat?: HeartbeatTimes | false;
  /** Logger for the errors of connections. @default stderrLogger() */
  readonly logger?: Logger;
  /** Clock, for tests. @default systemClock */
  readonly clock?: Clock;
}

export const WIRE_OPTIONS = describeOptions('WireOptions', {
  framing: choice(['headrace', 'nest-tcp'], { default: 'headrace' }),
  maxFrameLength: whole({ min: 1, max: 0x7fff_ffff, default: 1_048_576 }),
  codec: fn({ answers: 'sync', takes: 0, purpose: 'makes the codec of one connection' }),
  heartbeat: unchecked(),
  logger: LOGGER,
  clock: unchecked(),
});

const HEARTBEAT_OPTIONS = describePart('heartbeat', {
  intervalMs: unchecked(),
  timeoutMs: unchecked(),
  maxMissed: unchecked(),
});

/**
 * Maximum output that the peer of one connection has not accepted, in bytes. Above this limit, the connection is closed. Many
 * answers can be written in one turn of the event loop, and each can be as long as a frame.
 */
export const MAX_OUTBOUND_BYTES: number = 16 * 1024 * 1024;

/** The checked wire options, with their defaults. */
export interface WireSettings {
  /** Whether messages of {@link ControlMessage} can be sent. */
  readonly hasControl: boolean;
  /** Creates the handlers of one connection, from its bytes to its packets. */
  readonly handlers: () => Handler[];
}

/**
 * Checks the wire options.
 *
 * @throws OptionError if an option is not valid
 */
export function wireSettings(options: WireOptions): WireSettings {
  const wire = WIRE_OPTIONS.part(options);
  const { framing, maxFrameLength, codec = () => new JsonCodec() } = wire;
  const { heartbeat = HEARTBEAT_PRESETS.relaxed } = wire;
  if (framing === 'nest-tcp') {
    refuseWithNestTcp('heartbeat', wire.heartbeat);
    refuseWithNestTcp('codec', wire.codec);
    return {
      hasControl: false,
      handlers: () => [
        new NestTcpFrameDecoder({ maxFrameLength }),
        new NestTcpFrameEncoder(maxFrameLength),
        new JsonCodec(),
      ],
    };
  }
  const beats = heartbeatOptions(heartbeat);
  return {
    hasControl: true,
    handlers: () => [
      ...lengthPrefixed({ maxFrameLength }),
      checkedCodec(codec()),
      new HeartbeatHandler(beats),
    ],
  };
}

/** Refuses an option that needs control messages on the wire. `false` and `undefined` are allowed. */
export function refuseWithNestTcp(option: string, value: unknown): void {
  if (value === undefined || value === false) return;
  throw new OptionError(
    'OPTION_CONFLICT',
    `framing 'nest-tcp' has no ${option}, for Nest's own TCP transporter knows none: leave it out, or use framing 'headrace'`,
    { option },
  );
}

function heartbeatOptions(heartbeat: HeartbeatTimes | false): HeartbeatOptions<unknown> {
  const format = messageHeartbeat<unknown>({
    ping: () => PING,
    isPing: (message) => isControl(message, 'ping'),
    pong: () => PONG,
    isPong: (message) => isControl(message, 'pong'),
  });
  if (heartbeat === false) return { format };
  HEARTBEAT_OPTIONS.checkNames(heartbeat);
  const options = { ...heartbeat, format };
  // Reports a mistake now, not at the first connection.
  new HeartbeatHandler(options);
  return options;
}

function checkedCodec(codec: Handler): Handler {
  checkKind(
    'codec',
    codec,
    typeof codec === 'object' && codec !== null,
    'a function that makes a handler',
  );
  return codec;
}
