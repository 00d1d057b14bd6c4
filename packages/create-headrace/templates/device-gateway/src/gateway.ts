// Devices log in, send telemetry, and get commands; the gateway knows which of them are online.
import { EventEmitter } from 'node:events';
import { jsonLines, MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/codec';
import { AttributeKey, type Channel, pipeline, type Server, ServerBootstrap } from '@headrace/core';
import {
  AuthHandler,
  ConnectionLimitHandler,
  GuessLimiter,
  IdleCloseHandler,
  IdleStateHandler,
  MetricsHandler,
  ProtocolDetector,
  principalOf,
  type ServerMetrics,
  SessionRegistry,
  startsWith,
} from '@headrace/handlers';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange, refusal } from '@headrace/rpc';
import {
  MAX_PAYLOAD_BYTES,
  MqttDeviceCodec,
  mqttKeepAlive,
  mqttReplies,
  readMqttLogin,
} from './mqtt.ts';
import { type Login, notice, readLogin } from './protocol.ts';

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
  private readonly guesses = new GuessLimiter();

  constructor(options: GatewayOptions) {
    super();
    this.options = options;
    this.sessions.on('online', (device) => this.emit('online', device));
    this.sessions.on('offline', (device) => this.emit('offline', device));
  }

  listen(host: string, port: number): Promise<Server> {
    return new ServerBootstrap()
      .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
      .childHandler(this.pipeline())
      .bind({ host, port });
  }

  /** The handlers of one device's connection, on one port: a CONNECT begins MQTT, everything else JSON lines. */
  pipeline() {
    const { silenceMs, metrics } = this.options;
    const [lines, mqtt] = [this.lines(), this.mqtt()];
    return pipeline().add(
      () => new MetricsHandler({ metrics }),
      () => new IdleStateHandler({ readerIdleMs: silenceMs }),
      () =>
        new ProtocolDetector({
          protocols: [
            {
              name: 'mqtt',
              matches: startsWith(Uint8Array.of(0x10)),
              install: (channel) => mqtt.initialize(channel),
            },
          ],
          otherwise: (channel) => lines.initialize(channel),
          timeoutMs: 5000,
          handleTimeout: () => 'otherwise',
        }),
    );
  }

  private lines() {
    const refused = (why: string) => notice('refused', { why });
    return pipeline().add(
      ...jsonLines({ maxLength: MAX_PAYLOAD_BYTES }),
      () => new IdleCloseHandler(),
      () =>
        new AuthHandler<string, unknown, object>({
          authenticate: this.check(readLogin),
          replies: {
            accepted: (device) => notice('welcome', { device }),
            refused,
            timedOut: () => refused('no login in time'),
            kicked: () => refused('logged in elsewhere'),
          },
          sessions: this.sessions,
          duplicatePolicy: 'kick-older',
        }),
      (channel: Channel) => this.exchange(channel),
    );
  }

  private mqtt() {
    return pipeline().add(
      () => new MqttDecoder({ protocolLevels: [3, 4, 5], maxPacketBytes: MAX_PAYLOAD_BYTES }),
      () => new MqttEncoder(),
      mqttKeepAlive,
      () => new IdleCloseHandler(),
      (channel: Channel) =>
        new AuthHandler<string, MqttPacket, MqttPacket>({
          authenticate: this.check(readMqttLogin),
          isCredentials: ({ type }) => type === 'connect',
          replies: mqttReplies(channel),
          sessions: this.sessions,
          duplicatePolicy: 'kick-older',
        }),
      () => new MqttDeviceCodec(),
      (channel: Channel) => this.exchange(channel),
    );
  }

  /** Checks the login that `read` finds in a message. A client that guesses must wait. */
  private check<Message, Reply>(read: (message: Message) => Login | undefined) {
    return this.guesses.protect<Message, string, Reply>(
      (message) => {
        const login = read(message);
        if (login === undefined || !this.options.authenticate(login.device, login.token)) {
          return { refused: 'wrong device or token' };
        }
        return { principal: login.device };
      },
      (message) => read(message)?.device,
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
