// The other end: a device that logs in, answers commands and sends a heartbeat when it has nothing to say.
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, type Clock, silentLogger } from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler, matchTag } from '@headrace/handlers';
import { DeviceCodec, type DeviceMessage } from './device-message.ts';

export interface DeviceOptions {
  readonly port: number;
  readonly device: string;
  readonly token: string;
  /** @default 30000 */
  readonly heartbeatMs?: number | false;
  /** @default the system's */
  readonly clock?: Clock;
}

export class SimulatedDevice {
  channel!: Channel;
  /** Answers a command; a device that returns `undefined` does not answer. */
  onCommand: (command: unknown) => unknown = () => undefined;
  /** The reason of the gateway's refusal. */
  refusal: string | undefined = undefined;

  /** Connects and logs in; rejects if the gateway refuses. */
  static async connect(options: DeviceOptions): Promise<SimulatedDevice> {
    const self = new SimulatedDevice();
    const { port, device, token, heartbeatMs = 30_000, clock } = options;
    const answer = new Promise<void>((resolve, reject) => {
      const connecting = new Bootstrap()
        .options({ logger: silentLogger, ...(clock && { clock }) })
        .handler((channel) =>
          channel.pipeline.addLast(
            ...lengthPrefixed({ bytes: 2, maxFrameLength: 16_384 }),
            new HeartbeatHandler<Buffer>({
              format: emptyFrameHeartbeat(),
              intervalMs: heartbeatMs,
            }),
            new DeviceCodec(),
            matchTag<DeviceMessage>()('type', {
              welcome: () => resolve(),
              refused: (_ctx, { body }) => {
                self.refusal = body;
                reject(new Error(body));
              },
              command: (_ctx, { id, body }) => self.answer(id, body),
            }),
          ),
        )
        .connect({ host: '127.0.0.1', port });
      connecting.then((channel) => {
        self.channel = channel as Channel;
        self.send({ type: 'login', body: { device, token } });
      }, reject);
    });
    await answer;
    return self;
  }

  telemetry(body: unknown): void {
    this.send({ type: 'telemetry', body });
  }

  send(message: DeviceMessage): void {
    this.channel.writeAndFlush(message);
  }

  private answer(id: number, command: unknown): void {
    const body = this.onCommand(command);
    if (body !== undefined) this.send({ type: 'result', id, body });
  }
}
