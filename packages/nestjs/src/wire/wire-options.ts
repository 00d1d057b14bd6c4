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

/** When heartbeats are sent, and when the peer counts as dead. Times are in milliseconds. */
export type HeartbeatTimes = Pick<
  HeartbeatOptions<never>,
  'intervalMs' | 'timeoutMs' | 'maxMissed'
>;

/** Options that a server and its clients have in common: the form of packets on the wire. */
export interface WireOptions {
  /**
   * `headrace`: a length in four bytes, then the packet in the codec. `nest-tcp`: that of Nest's own TCP transporter,
   * `LENGTH#JSON`, to talk to services that have not moved; it has neither heartbeats, nor a sign-in, nor cancels.
   * @default 'headrace'
   */
  readonly framing?: 'headrace' | 'nest-tcp';
  /** The longest packet, in bytes, both ways. A longer one that comes in ends its connection. @default 1_048_576 (1 MiB) */
  readonly maxFrameLength?: number;
  /**
   * Makes the handler of one connection that turns frames into values and values into frames: `JsonCodec`,
   * `MsgpackCodec`, `CborCodec`, or one of your own. Both ends need the same. @default () => new JsonCodec()
   */
  readonly codec?: () => Handler;
  /**
   * Probes a silent peer, and closes the connection when it does not answer. `false` sends no heartbeats; those of the
   * peer are answered anyway. @default HEARTBEAT_PRESETS.relaxed: a dead peer is found in 30 to 40 seconds
   */
  readonly heartbeat?: HeartbeatTimes | false;
  /** Gets what goes wrong on connections. @default stderrLogger() */
  readonly logger?: Logger;
  /** For tests. @default systemClock */
  readonly clock?: Clock;
}

export const WIRE_OPTIONS = describeOptions('WireOptions', {
  framing: choice(['headrace', 'nest-tcp'], { default: 'headrace' }),
  maxFrameLength: whole({ min: 1, max: 0x7fff_ffff, default: 1_048_576 }),
  codec: fn({ answers: 'at once', takes: 0, purpose: 'makes the codec of one connection' }),
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
 * The output of one connection that its peer has not taken, in bytes, before the connection is ended: many answers may
 * come in one turn of the event loop, and each may be as long as a frame.
 */
export const MAX_OUTBOUND_BYTES: number = 16 * 1024 * 1024;

/** Wire options, checked, with their defaults. */
export interface WireSettings {
  /** Messages of {@link ControlMessage} may be sent. */
  readonly hasControl: boolean;
  /** Makes the handlers of one connection, from its bytes to its packets. */
  readonly handlers: () => Handler[];
}

/** @throws OptionError if an option is not valid */
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

/** An option that needs messages of ours on the wire. `false` and nothing are fine: they ask for none. */
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
  // A mistake is to show now, not at the first connection.
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
