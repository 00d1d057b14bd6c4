// The pipeline of a connection, and the server that gives one to each.
import {
  ConnectionLimitHandler,
  IdleCloseHandler,
  IdleStateHandler,
  MessageRateHandler,
  MetricsHandler,
  pipeline,
  type Server,
  ServerBootstrap,
  type ServerMetrics,
  textLines,
} from 'headrace';
import { LineHandler } from './line-handler.ts';

export interface LineServerOptions {
  /** A connection that sends nothing for this time is closed, in milliseconds. */
  readonly idleMs: number;
  /** Connections at the same time; more are refused. */
  readonly maxConnections: number;
  /** Counts the connections and their bytes. */
  readonly metrics: ServerMetrics;
}

/** Bytes pass the handlers from top to bottom, answers go back from bottom to top. */
export function linePipeline({ idleMs, metrics }: Omit<LineServerOptions, 'maxConnections'>) {
  return pipeline().add(
    () => new MetricsHandler({ metrics }),
    () => new IdleStateHandler({ readerIdleMs: idleMs }),
    ...textLines({ maxLength: 8192, failFast: true }), // the first byte more ends the connection
    () => new IdleCloseHandler({ lastWord: () => 'bye: idle for too long' }),
    () => new MessageRateHandler({ perSecond: 1000 }), // who sends faster is read slower
    () => new LineHandler(),
  );
}

/** Starts to listen; `server.shutdown()` ends it. */
export function startLineServer(
  host: string,
  port: number,
  { maxConnections, ...options }: LineServerOptions,
): Promise<Server> {
  return new ServerBootstrap()
    .handler((listener) =>
      listener.pipeline.addLast(new ConnectionLimitHandler({ total: maxConnections })),
    )
    .childHandler(linePipeline(options))
    .bind({ host, port });
}
