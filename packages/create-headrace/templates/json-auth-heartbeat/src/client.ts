// The client's end of the same protocol.
import {
  Bootstrap,
  HeartbeatHandler,
  JsonDecoder,
  JsonEncoder,
  lengthPrefixed,
  matchTag,
  pipeline,
} from 'headrace';
import {
  clientHeartbeat,
  type FromClient,
  type FromServer,
  fromServer,
  MAX_FRAME_LENGTH,
} from './messages.ts';

/** What a client does with messages. */
export interface Listener {
  readonly welcome: (user: string) => void;
  readonly refused: (why: string) => void;
  readonly said: (user: string, text: string) => void;
}

/** Sends a heartbeat when it is quiet for 10 s; closes when three of them get no answer. */
export function clientPipeline({ welcome, refused, said }: Listener) {
  return pipeline().add(
    ...lengthPrefixed({ maxFrameLength: MAX_FRAME_LENGTH }),
    new JsonDecoder({ schema: fromServer }),
    () => new JsonEncoder<FromClient>(),
    () =>
      new HeartbeatHandler<FromServer, FromClient>({
        format: clientHeartbeat,
        intervalMs: 10_000,
        timeoutMs: 10_000,
        maxMissed: 3,
      }),
    () =>
      matchTag<FromServer>()('type', {
        welcome: (_ctx, { user }) => welcome(user),
        refused: (_ctx, { why }) => refused(why),
        said: (_ctx, { user, text }) => said(user, text),
      }),
  );
}

export function connectClient(host: string, port: number, listener: Listener) {
  return new Bootstrap().handler(clientPipeline(listener)).connect({ host, port });
}
