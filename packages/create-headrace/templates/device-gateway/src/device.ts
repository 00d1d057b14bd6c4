// A device to try the gateway with.
import { jsonLines } from '@headrace/codec';
import { Bootstrap, handler, pipeline } from '@headrace/core';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/rpc';
import { type Login, loginMessage, MAX_MESSAGE_BYTES } from './protocol.ts';

export interface DeviceOptions extends Login {
  /** Carries a command out; what it returns is the result. */
  readonly onCommand: (method: string, params: unknown) => unknown;
  /** The gateway's answer to the login, and what it says without being asked. */
  readonly onNotice: (method: string, params: unknown) => void;
}

export function devicePipeline({ device, token, onCommand, onNotice }: DeviceOptions) {
  return pipeline().add(
    ...jsonLines({ maxLength: MAX_MESSAGE_BYTES }),
    () =>
      handler<{ writes: object }>({
        channelActive(ctx) {
          ctx.writeAndFlush(loginMessage({ device, token }));
          ctx.fireChannelActive();
        },
      }),
    () =>
      new ExchangeHandler({
        format: jsonRpcExchange(),
        handle: ({ method, params }, { wantsAnswer }) => {
          if (wantsAnswer) return onCommand(method, params);
          onNotice(method, params);
          return null;
        },
      }),
  );
}

export function connectDevice(host: string, port: number, options: DeviceOptions) {
  return new Bootstrap().handler(devicePipeline(options)).connect({ host, port });
}
