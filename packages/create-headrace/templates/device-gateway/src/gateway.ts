// Devices log in, send telemetry, and get commands; the gateway knows which of them are online.
import { EventEmitter } from 'node:events';
import { AttributeKey, type Channel, pipeline, type Server, ServerBootstrap } from '@headrace/core';
import {
  ConnectionLimitHandler,
  GuessLimiter,
  IdleStateHandler,
  MetricsHandler,
  principalOf,
  type ServerMetrics,
  SessionRegistry,
} from '@headrace/handlers';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange, refusal } from '@headrace/rpc';
import { type DeviceParts, protocolDetector } from './protocols.ts';

export interface GatewayOptions {
  /** Who may log in. */
  readonly authenticate: (device: string, token: string) => boolean;
  /** A device that sends nothing for this time is offline, in milliseconds. */
  readonly silenceMs: number;
  /** Counts the connections and their bytes. */
  readonly metrics: ServerMetrics;
}

export interface GatewayEvents {
  online: [device: string];
  offline: [device: string];
  telemetry: [device: string, params: unknown];
}

const EXCHANGE = new AttributeKey<ExchangeHandler<JsonRpcExchange>>('exchange');

export class DeviceGateway extends EventEmitter<GatewayEvents> {
  private readonly options: GatewayOptions;
  // A device that is back within a second has never been offline.
  private readonly sessions = new SessionRegistry<string>((device) => device, { graceMs: 1000 });
  private readonly parts: DeviceParts;

  constructor(options: GatewayOptions) {
    super();
    this.options = options;
    this.parts = {
      authenticate: options.authenticate,
      guesses: new GuessLimiter(),
      sessions: this.sessions,
      exchange: (channel) => this.exchange(channel),
    };
    this.sessions.on('online', (device) => this.emit('online', device));
    this.sessions.on('offline', (device) => this.emit('offline', device));
  }

  listen(host: string, port: number): Promise<Server> {
    return new ServerBootstrap()
      .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
      .childHandler(this.pipeline())
      .bind({ host, port });
  }

  /** The handlers of one device's connection. */
  pipeline() {
    const { silenceMs, metrics } = this.options;
    return pipeline().add(
      () => new MetricsHandler({ metrics }),
      () => new IdleStateHandler({ readerIdleMs: silenceMs }),
      () => protocolDetector(this.parts),
    );
  }

  /** The devices that are online. */
  online(): string[] {
    return [...this.sessions.ids()];
  }

  /** Sends a command to a device; resolves with its result, rejects without one within 10 s. */
  command(device: string, method: string, params: object = {}): Promise<unknown> {
    const exchange = this.sessions.channel(device)?.attributes.get(EXCHANGE);
    if (exchange === undefined) return Promise.reject(new Error(`${device} is offline`));
    return exchange.request({ method, params });
  }

  private exchange(channel: Channel): ExchangeHandler<JsonRpcExchange> {
    const exchange = new ExchangeHandler({
      format: jsonRpcExchange(),
      timeoutMs: 10_000,
      handle: ({ method, params }) => {
        if (method !== 'telemetry') throw refusal(-32_601, `no method ${method}`);
        this.emit('telemetry', principalOf<string>(channel)!, params);
        return null;
      },
    });
    channel.attributes.set(EXCHANGE, exchange);
    return exchange;
  }
}
