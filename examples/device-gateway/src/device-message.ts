// Messages between devices and the gateway. On the wire each message is a frame:
//
//   length (2 bytes) | type (1 byte) | id (4 bytes, commands and results only) | body
//
// An empty frame is a heartbeat, which the gateway answers with the same.
import { MessageToMessageCodec } from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';

export type DeviceMessage =
  | { readonly type: 'login'; readonly body: { readonly device: string; readonly token: string } }
  | { readonly type: 'welcome'; readonly body: string }
  | { readonly type: 'refused'; readonly body: string }
  | { readonly type: 'telemetry'; readonly body: unknown }
  | { readonly type: 'command'; readonly id: number; readonly body: unknown }
  | { readonly type: 'result'; readonly id: number; readonly body: unknown };

const TYPES = ['login', 'welcome', 'refused', 'telemetry', 'command', 'result'] as const;

/** Frames to messages and back. */
export class DeviceCodec extends MessageToMessageCodec<Buffer, DeviceMessage> {
  override decode(_ctx: Context, frame: Buffer): DeviceMessage {
    const type = TYPES[frame[0]!];
    const hasId = type === 'command' || type === 'result';
    if (type === undefined || (hasId && frame.length < 5)) {
      throw new DecodeError(
        'MESSAGE_INVALID',
        `no message of a device: ${frame.toString('hex', 0, 8)}`,
      );
    }
    const body = parse(frame.subarray(hasId ? 5 : 1));
    if (type === 'login' && !isLogin(body)) {
      throw new DecodeError('MESSAGE_INVALID', 'a login needs device and token');
    }
    const message = hasId ? { type, id: frame.readUInt32BE(1), body } : { type, body };
    return message as DeviceMessage;
  }

  override encode(message: DeviceMessage): Buffer {
    const body = Buffer.from(JSON.stringify(message.body));
    const head = Buffer.alloc('id' in message ? 5 : 1);
    head[0] = TYPES.indexOf(message.type);
    if ('id' in message) head.writeUInt32BE(message.id, 1);
    return Buffer.concat([head, body]);
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new DecodeError('MESSAGE_INVALID', 'a body is not JSON', {}, cause);
  }
}

function isLogin(body: unknown): boolean {
  const { device, token } = (body ?? {}) as Record<string, unknown>;
  return typeof device === 'string' && device !== '' && typeof token === 'string';
}
