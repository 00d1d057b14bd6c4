// Commands to a device, as calls: the id of a result is that of its command.
import { DecodeError } from '@headrace/core';
import type { ExchangeFormat, ExchangeTypes } from '@headrace/rpc';
import type { DeviceMessage } from './device-message.ts';

export interface DeviceCalls extends ExchangeTypes {
  reads: DeviceMessage;
  writes: DeviceMessage;
}

/** A device answers commands. Its telemetry is a notice. */
export const DEVICE_CALLS: ExchangeFormat<DeviceCalls> = {
  read(message, sink) {
    if (message.type === 'result') sink.response(message.id, message.body);
    else if (message.type === 'telemetry') sink.notification(message.body);
    else throw new DecodeError('MESSAGE_INVALID', `no message of a device: ${message.type}`);
  },
  request: (id, body) => ({ type: 'command', id, body }),
};
