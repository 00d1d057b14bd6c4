// The pipeline of one device's connection.
import { lengthPrefixed } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import {
  AuthHandler,
  emptyFrameHeartbeat,
  HeartbeatHandler,
  principalOf,
  type SessionRegistry,
} from '@headrace/handlers';
import { ExchangeHandler } from '@headrace/rpc';
import { DEVICE_CALLS } from './device-calls.ts';
import { DeviceCodec, type DeviceMessage } from './device-message.ts';

export interface DevicePipelineOptions {
  readonly authenticate: (device: string, token: string) => boolean | Promise<boolean>;
  readonly silenceMs: number;
  readonly sessions: SessionRegistry<string>;
  readonly onTelemetry: (device: string, body: unknown) => void;
  readonly commandTimeoutMs: number;
}

const refusal = (body: string): DeviceMessage => ({ type: 'refused', body });

export function buildPipeline(
  channel: Channel<Buffer, OutboundBytes>,
  options: DevicePipelineOptions,
): void {
  const { authenticate, silenceMs, sessions, onTelemetry, commandTimeoutMs } = options;
  channel.pipeline.addLast(
    ...lengthPrefixed({ bytes: 2, maxFrameLength: 16_384 }),
    // Devices send the heartbeats; any byte of theirs is a sign of life.
    new HeartbeatHandler<Buffer>({ format: emptyFrameHeartbeat(), silenceMs }),
    new DeviceCodec(),
    new AuthHandler({
      isCredentials: (message) => message.type === 'login',
      authenticate: async (message: DeviceMessage) => {
        const { device, token } = (message as DeviceMessage & { type: 'login' }).body;
        const isKnown = await authenticate(device, token);
        return isKnown ? { principal: device } : { refused: `wrong token for ${device}` };
      },
      replies: {
        accepted: (device): DeviceMessage => ({ type: 'welcome', body: device }),
        refused: () => refusal('wrong token'),
        unauthenticated: () => refusal('log in first'),
        timedOut: () => refusal('no login in time'),
        kicked: () => refusal('logged in elsewhere'),
      },
      sessions,
      duplicatePolicy: 'kick-older',
    }),
    new ExchangeHandler({
      format: DEVICE_CALLS,
      timeoutMs: commandTimeoutMs,
      handle: (telemetry) => onTelemetry(principalOf<string>(channel)!, telemetry),
    }),
  );
}
