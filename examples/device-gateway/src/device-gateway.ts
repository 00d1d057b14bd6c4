// Devices log in, send telemetry, and get commands; the gateway knows which of them are online.
import { EventEmitter } from 'node:events';
import {
  type Clock,
  type CloseInfo,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { ConnectionLimitHandler, SessionRegistry } from '@headrace/handlers';
import { ExchangeHandler } from '@headrace/rpc';
import { buildPipeline } from './device-pipeline.ts';

export interface GatewayOptions {
  readonly authenticate: (device: string, token: string) => boolean | Promise<boolean>;
  readonly host?: string;
  /** @default 9000 */
  readonly port?: number;
  /** A device that sends nothing at all for so long is offline. @default 90000 */
  readonly silenceMs?: number;
  /** A device that reconnects within this time has never been offline. @default 5000 */
  readonly graceMs?: number;
  /** @default 10000 */
  readonly commandTimeoutMs?: number;
  readonly logger?: Logger;
  /** Of the connections; tests move its time themselves. @default the system's */
  readonly clock?: Clock;
}

export interface GatewayEvents {
  online: [device: string];
  offline: [device: string, info: CloseInfo | undefined];
  telemetry: [device: string, body: unknown];
}

export class DeviceGateway extends EventEmitter<GatewayEvents> {
  private readonly options: GatewayOptions;
  private readonly sessions: SessionRegistry<string>;
  private server: Server | undefined = undefined;

  constructor(options: GatewayOptions) {
    super();
    this.options = options;
    const { graceMs = 5000 } = options;
    this.sessions = new SessionRegistry<string>((device) => device, { graceMs });
    this.sessions.on('online', (device) => this.emit('online', device));
    this.sessions.on('offline', (device, _session, info) => this.emit('offline', device, info));
  }

  async start(): Promise<number> {
    const { host = '127.0.0.1', port = 9000, silenceMs = 90_000, logger, clock } = this.options;
    const { commandTimeoutMs = 10_000 } = this.options;
    this.server = await new ServerBootstrap()
      .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
      .childOptions({ ...(logger && { logger }), ...(clock && { clock }) })
      .childHandler((channel) =>
        buildPipeline(channel, {
          authenticate: this.options.authenticate,
          silenceMs,
          sessions: this.sessions,
          onTelemetry: (device, body) => this.emit('telemetry', device, body),
          commandTimeoutMs,
        }),
      )
      .bind({ host, port });
    return this.server.port;
  }

  async stop(): Promise<void> {
    await this.server?.shutdown();
  }

  /** The devices that are online. */
  online(): string[] {
    return [...this.sessions.ids()];
  }

  /** Sends a command down to one device; resolves with its result. */
  command(device: string, body: unknown): Promise<unknown> {
    const calls = this.sessions.channel(device)?.pipeline.get(ExchangeHandler);
    if (calls === undefined) return Promise.reject(new Error(`${device} is offline`));
    return calls.request(body);
  }
}
