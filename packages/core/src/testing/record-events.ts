import type { Types } from '../contract/handler-types.ts';
import type { Context, Handler } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import { flag, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';

/** Options of {@link recordEvents}. */
export interface RecordEventsOptions {
  /** Prefix of each line, as in `name.channelActive`. @default nothing */
  readonly name?: string;
  /** List that several recorders share, to show the order between them. @default a new list */
  readonly into?: string[];
  /** Whether to record `read` too, which follows every burst. @default false */
  readonly reads?: boolean;
}

const OPTIONS = describeOptions('recordEvents', {
  name: unchecked(),
  into: unchecked(),
  reads: flag({ default: false }),
});

/**
 * Creates a handler that records one line for each event and operation, and passes all of them on. Put it after a handler to
 * see the inbound events that the handler passes on.
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

/** For each event and operation, the method that passes it on and the formatter of its argument. */
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

/** The handler that {@link recordEvents} creates. */
export class EventRecorder implements Handler {
  declare readonly types: Types;
  /** One line for each event, oldest first. */
  readonly events: string[];
  private readonly prefix: string;

  constructor(options: RecordEventsOptions = {}) {
    const { name, into = [] } = OPTIONS.resolve(options, 'EventRecorder');
    this.events = into;
    this.prefix = name === undefined ? '' : `${name}.`;
  }

  /** Returns the recorded lines, and empties the list. */
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

/** Returns a message or event as one line: text in quotes, bytes in hex, plain objects as JSON, other objects by class. */
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
