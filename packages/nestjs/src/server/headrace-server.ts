import {
  type Server as BoundServer,
  ServerBootstrap,
  type ServerEvents,
  systemClock,
} from '@headrace/core';
import { callSafely, printable, RepeatLimit, toError } from '@headrace/core/authoring';
import { ConnectionLimitHandler } from '@headrace/handlers';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { finalize, type Observable } from 'rxjs';
import { HEADRACE, type HeadraceStatus } from '../headrace-status.ts';
import { HeadraceContext } from './headrace-context.ts';
import type { IncomingPacket } from './incoming-packet.ts';
import { PacketServerHandler, type PacketService } from './packet-server-handler.ts';
import {
  type HeadraceServerOptions,
  type ServerSettings,
  serverSettings,
} from './server-options.ts';
import { buildServerPipeline } from './server-pipeline.ts';

/** The events of `on()` of a {@link HeadraceServer}, which are those of core's `Server`. */
export type HeadraceServerEvents = {
  [E in keyof ServerEvents]: (...args: ServerEvents[E]) => void;
};

/** The answer of Nest's own transporters. */
const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';
const FAILED = { err: { status: 'error', message: 'Internal server error' }, isDisposed: true };
const SHOWN_CHARACTERS = 100;
/** Lines of one kind that strangers can cause. */
const LIMIT = { maxLines: 1, periodMs: 10_000 };

/**
 * The server's end: a strategy for `createMicroservice` and `connectMicroservice`.
 *
 * @example
 * ```ts check
 * import { HeadraceServer } from '@headrace/nestjs';
 * import { NestFactory } from '@nestjs/core';
 *
 * class AppModule {}
 * const app = await NestFactory.createMicroservice(AppModule, {
 *   strategy: new HeadraceServer({ bind: { host: '127.0.0.1', port: 3000 } }),
 * });
 * await app.listen();
 * ```
 */
export class HeadraceServer
  extends Server<HeadraceServerEvents, HeadraceStatus>
  implements CustomTransportStrategy
{
  override transportId: symbol;
  private readonly settings: ServerSettings;
  private readonly service: PacketService;
  /** Limits the lines that strangers can cause. */
  private readonly limit: RepeatLimit;
  private readonly listeners: {
    readonly event: keyof HeadraceServerEvents;
    readonly callback: never;
  }[] = [];
  private readonly bootstrap: ServerBootstrap;
  private server: BoundServer | undefined = undefined;
  private binding: { readonly done: Promise<void>; readonly cancel: AbortController } | undefined =
    undefined;

  /** @throws OptionError if an option is not valid */
  constructor(options: HeadraceServerOptions) {
    super();
    this.settings = serverSettings(options);
    this.transportId = options.transportId ?? HEADRACE;
    this.initializeSerializer(options as never);
    this.initializeDeserializer(options as never);
    const clock = options.clock ?? systemClock;
    this.limit = new RepeatLimit({ ...LIMIT, clock, report: (line) => this.logger.error(line) });
    this.service = {
      deserialize: (message) => this.deserializer.deserialize(message),
      serialize: (answer) => this.serializer.serialize(answer as never),
      request: (incoming) => this.takeRequest(incoming),
      event: (incoming) => this.takeEvent(incoming),
      unanswered: (channel, { message }) =>
        this.complain('unanswered', `${channel} could not answer a request: ${message}`),
    };
    this.bootstrap = this.makeBootstrap();
  }

  /** Starts to listen. Nest calls this method. The callback receives the error if the server cannot listen. */
  listen(callback: (error?: unknown) => void): void {
    const cancel = new AbortController();
    const done = this.bind(cancel.signal).then(
      () => callback(),
      (error: unknown) => {
        this._status$.next('disconnected');
        callback(error);
      },
    );
    this.binding = { done, cancel };
  }

  /**
   * Stops listening, notifies the clients, waits for pending requests and events for at most `drainTimeoutMs`, and closes.
   * Nest calls it in `app.close()`, and waits for it.
   */
  async close(): Promise<void> {
    this.binding?.cancel.abort();
    await this.binding?.done;
    this.binding = undefined;
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const { drainTimeoutMs } = this.settings;
    await server.shutdown({ drainTimeoutMs });
    this.limit.close();
    this._status$.next('disconnected');
  }

  override on<K extends keyof HeadraceServerEvents, C extends HeadraceServerEvents[K]>(
    event: K,
    callback: C,
  ): void {
    this.listeners.push({ event, callback: callback as never });
    this.server?.on(event, callback as never);
  }

  /** Returns core's `Server`, with its port, its connections, and `reloadTls`. */
  unwrap<T = BoundServer>(): T {
    if (this.server !== undefined) return this.server as T;
    throw new Error('HeadraceServer is not listening: call listen() first');
  }

  private async bind(signal: AbortSignal): Promise<void> {
    const server = await this.bootstrap.bind({ ...this.settings.bind, signal });
    this.server = server;
    for (const { event, callback } of this.listeners) server.on(event, callback);
    this._status$.next('connected');
  }

  private complain(kind: string, line: string): void {
    if (this.limit.passes(line, kind)) this.logger.error(line);
  }

  private makeBootstrap(): ServerBootstrap {
    const { settings, service } = this;
    const { connections, channel: options, hasControl } = settings;
    const { logger, clock } = options;
    const limit = new ConnectionLimitHandler(connections);
    return new ServerBootstrap()
      .options({ ...(logger && { logger }), ...(clock && { clock }) })
      .childOptions(options)
      .handler((listening) => listening.pipeline.addLast(limit))
      .childHandler((channel) => {
        const packets = new PacketServerHandler(service, settings, hasControl);
        buildServerPipeline(channel, settings, packets);
      });
  }

  // --- packets ---

  private takeRequest(work: IncomingPacket): void {
    const pattern = this.patternOf(work.body.pattern);
    const handler = this.handlerOf(pattern);
    if (handler === undefined) {
      work.settled();
      void work.respond({ err: NO_MESSAGE_HANDLER, status: 'error', isDisposed: true });
      return;
    }
    const context = this.contextOf(pattern, work);
    this.process(context, work, async () => {
      const result = await handler(work.body.data, context);
      work.settled();
      const answers: Observable<unknown> = this.transformToObservable(result);
      const ended = answers.pipe(finalize(() => this.processed(context)));
      work.answering(this.send(ended, (answer) => work.respond(answer)));
    });
  }

  private takeEvent(work: IncomingPacket): void {
    const pattern = this.patternOf(work.body.pattern);
    if (this.handlerOf(pattern) === undefined) {
      work.settled();
      const shown = printable(pattern.slice(0, SHOWN_CHARACTERS));
      this.complain('unknown', `There is no matching event handler for "${shown}".`);
      return;
    }
    const context = this.contextOf(pattern, work);
    this.handleEvent(pattern, work.body as never, context)
      .catch((error: unknown) => this.logger.error(toError(error)))
      .finally(() => work.settled());
  }

  /** Runs a request. An error that is thrown outside Nest's exception zone reaches neither the process nor the peer. */
  private process(context: HeadraceContext, work: IncomingPacket, run: () => Promise<void>): void {
    const failed = (error: unknown): void => {
      this.logger.error(toError(error));
      work.settled();
      void work.respond(FAILED);
      this.processed(context);
    };
    try {
      this.onProcessingStartHook(this.transportId, context, () => run().catch(failed));
    } catch (error) {
      failed(error);
    }
  }

  private processed(context: HeadraceContext): void {
    callSafely(
      () => this.onProcessingEndHook?.(this.transportId, context),
      undefined,
      (error) => this.logger.error(error),
    );
  }

  private contextOf(pattern: string, work: IncomingPacket): HeadraceContext {
    const { channel } = work;
    const { metadata } = work.body;
    return new HeadraceContext(
      metadata === undefined ? [channel, pattern] : [channel, pattern, metadata],
      work,
    );
  }

  /** Returns the pattern as text, as Nest does. Returns an empty text for a pattern that is too deep for JSON. */
  private patternOf(pattern: unknown): string {
    if (typeof pattern === 'string') return pattern;
    try {
      return JSON.stringify(pattern) ?? '';
    } catch {
      return '';
    }
  }

  /** Finds the handler of a pattern. Most patterns match directly. Other patterns can have their members in another order. */
  private handlerOf(pattern: string): MessageHandler | undefined {
    return this.messageHandlers.get(pattern) ?? this.getHandlerByPattern(pattern) ?? undefined;
  }
}
