import type { Context, Handler } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import type { Types } from '../handler-types.ts';
import { flag, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';

/** Options of {@link recordEvents}. */
export interface RecordEventsOptions {
  /** Stands before each line: `name.channelActive`. @default nothing */
  readonly name?: string;
  /** A list that several recorders share, to see the order between them. @default a list of its own */
  readonly into?: string[];
  /** Also record `read`, which comes after every burst. @default false */
  readonly reads?: boolean;
}

const OPTIONS = describeOptions('recordEvents', {
  name: unchecked(),
  into: unchecked(),
  reads: flag({ default: false }),
});

/**
 * A handler that writes one line for each event and operation that passes it, and passes all of them on.
 * Put it after a handler to see which inbound events that one passes on.
 *
 * @example
 * ```ts
 * const seen = recordEvents();
 * const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }), seen);
 * channel.writeInbound(Buffer.from('hi\n'));
 * seen.take(); // ['handlerAdded', …, 'channelRead <6869>', 'channelReadComplete']
 * ```
 */
export function recordEvents(options: RecordEventsOptions = {}): EventRecorder {
  return OPTIONS.resolve(options).reads ? new ReadRecorder(options) : new EventRecorder(options);
}

type Detail = (argument: unknown, ctx: Context) => string;

/** For each event and operation the method that passes it on, and how its argument is written. */
const STEPS: Readonly<Record<string, readonly [passOn: keyof Context, detail?: Detail]>> = {
  channelRegistered: ['fireChannelRegistered'],
  channelActive: ['fireChannelActive'],
  channelRead: ['fireChannelRead', eventText],
  channelReadComplete: ['fireChannelReadComplete'],
  channelWritabilityChanged: [
    'fireChannelWritabilityChanged',
    (_, { channel }) => String(channel.isWritable),
  ],
  userEventTriggered: ['fireUserEventTriggered', eventText],
  channelShutdown: ['fireChannelShutdown', String],
  channelInactive: ['fireChannelInactive'],
  channelUnregistered: ['fireChannelUnregistered'],
  exceptionCaught: ['fireExceptionCaught', eventText],
  write: ['write', eventText],
  flush: ['flush'],
  shutdown: ['shutdown', String],
  close: ['close', String],
};

/** The handler that {@link recordEvents} makes. */
export class EventRecorder implements Handler {
  declare readonly types: Types;
  /** One line per event, oldest first. */
  readonly events: string[];
  private readonly prefix: string;

  constructor(options: RecordEventsOptions = {}) {
    const { name, into = [] } = OPTIONS.resolve(options, 'EventRecorder');
    this.events = into;
    this.prefix = name === undefined ? '' : `${name}.`;
  }

  /** The lines so far; the list is empty afterwards. */
  take(): string[] {
    return this.events.splice(0);
  }

  static {
    for (const [method, [passOn, detailOf]] of Object.entries(STEPS)) {
      Object.defineProperty(EventRecorder.prototype, method, {
        value(this: EventRecorder, ctx: Context, argument?: unknown): unknown {
          this.note(method, detailOf?.(argument, ctx));
          return (ctx[passOn] as (argument: unknown) => unknown).call(ctx, argument);
        },
        writable: true,
        configurable: true,
      });
    }
  }

  handlerAdded(): void {
    this.note('handlerAdded');
  }

  handlerRemoved(): void {
    this.note('handlerRemoved');
  }

  /** Adds the line of an event. */
  protected note(event: string, detail?: string): void {
    this.events.push(this.prefix + (detail === undefined ? event : `${event} ${detail}`));
  }
}

class ReadRecorder extends EventRecorder {
  read(ctx: Context): void {
    this.note('read');
    ctx.read();
  }
}

/** A message or event in one line: text in quotes, bytes in hex, plain objects as JSON, others by class. */
export function eventText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('hex')}>`;
  if (value instanceof Error) return errorText(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const name = value.constructor?.name;
  if (Array.isArray(value)) return JSON.stringify(value);
  return name === undefined || name === 'Object' ? JSON.stringify(value) : name;
}

function errorText(error: Error): string {
  return isHeadraceError(error) ? error.code : `${error.name}: ${error.message}`;
}
