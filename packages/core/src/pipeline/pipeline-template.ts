import type { Channel, Handler, OutboundBytes, Pipeline } from '../contract.ts';
import { OptionError } from '../errors.ts';
import type { Chain, ReadAfter, WriteAfter } from '../handler-types.ts';

/** Makes one handler of one channel. */
export type HandlerFactory = (channel: Channel) => Handler;

/** The handlers that these factories make. */
export type Made<Fs extends readonly HandlerFactory[]> = {
  -readonly [K in keyof Fs]: ReturnType<Fs[K]>;
};

/** Factories whose handlers fit each other; the misfit is named as in {@link Chain}. */
export type FactoryChain<Fs extends readonly HandlerFactory[], R, W> =
  Chain<Made<Fs>, R, W> extends infer Checked extends readonly unknown[]
    ? {
        [K in keyof Checked]: Checked[K] extends Handler
          ? (channel: Channel) => Checked[K]
          : Checked[K];
      }
    : never;

/**
 * A pipeline to build again and again: an immutable list of functions that make handlers. Wherever a
 * bootstrap takes a function that builds a pipeline, it takes a template too.
 *
 * @typeParam R - what the next handler would read
 * @typeParam W - what it may write
 */
export class PipelineTemplate<R, W> {
  private readonly factories: readonly HandlerFactory[];
  declare readonly reads: R;
  declare readonly writes: W;

  constructor(factories: readonly HandlerFactory[]) {
    this.factories = factories;
  }

  /** A new template with these handlers behind the others; this one stays as it is. */
  add<const Fs extends readonly HandlerFactory[]>(
    ...factories: Fs & FactoryChain<Fs, R, W>
  ): PipelineTemplate<ReadAfter<Made<Fs>, R>, WriteAfter<Made<Fs>, W>> {
    for (const factory of factories) {
      if (typeof factory === 'function') continue;
      const type = (factory as Handler)?.constructor?.name ?? String(factory);
      throw new OptionError(
        'OPTION_INVALID',
        `add takes functions that make handlers, but got ${type}: .add(() => new ${type}(…))`,
        { option: 'add' },
      );
    }
    return new PipelineTemplate([...this.factories, ...(factories as readonly HandlerFactory[])]);
  }

  /** Adds new handlers to a channel's pipeline. */
  initialize(channel: Channel): Pipeline<R, W> {
    for (const make of this.factories) channel.pipeline.addLast(make(channel));
    return channel.pipeline as Pipeline<R, W>;
  }
}

/**
 * Starts a {@link PipelineTemplate} at the transport, which reads Buffers and takes bytes.
 *
 * @example
 * ```ts
 * const lines = pipeline().add(() => new LineFrameDecoder({ maxLength: 80 }), () => new StringCodec());
 * const server = await new ServerBootstrap().childHandler(lines.add(() => new EchoHandler())).bind({ port: 7 });
 * ```
 */
export function pipeline(): PipelineTemplate<Buffer, OutboundBytes> {
  return new PipelineTemplate([]);
}
