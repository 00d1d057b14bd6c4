// The line protocol of a Netty server: sign-in, PING, ECHO. Both ends of it, and a client for frames of bytes.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { fixed, ReconnectingClient } from '@headrace/client';
import { lengthPrefixed, textLines } from '@headrace/codec';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import { endsBySignal, listening, type System } from './start.ts';

const USUAL: { clock: core.Clock; logger?: core.Logger } = { clock: core.systemClock };

/** `AUTH:<id>` signs in, PING is answered with PONG, all else with `ECHO:` and the line. */
export function startServer(place: core.BindOptions, readerIdleMs: number, options = USUAL) {
  const sessions = new handlers.SessionRegistry<string>((id) => id);
  const auth: handlers.AuthOptions<string, string, string> = {
    isCredentials: (line) => line.startsWith('AUTH:'),
    authenticate: (line) => {
      const principal = line.slice('AUTH:'.length).trim();
      if (principal !== '') return { principal };
      return { refused: 'empty id', reply: 'ERR:EMPTY_CLIENT_ID', stays: true };
    },
    replies: {
      accepted: () => 'AUTH_OK',
      unauthenticated: () => 'ERR:UNAUTH',
      timedOut: () => 'ERR:UNAUTH',
      kicked: () => 'ERR:KICKED',
    },
    sessions,
    duplicatePolicy: 'kick-older',
    again: 'move',
  };
  const bootstrap = new core.ServerBootstrap().childOptions(options).childHandler(({ pipeline }) =>
    pipeline.addLast(
      ...textLines({ maxLength: 8192, failFast: true }),
      new handlers.IdleStateHandler({ readerIdleMs }),
      new handlers.IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
      new handlers.HeartbeatHandler(),
      new handlers.AuthHandler(auth),
      new handlers.EchoHandler({ reply: (line: string) => `ECHO:${line}` }),
    ),
  );
  return bootstrap.bind(place);
}

/** Is online once it is signed in, also after a loss. */
export function startClient(place: core.ConnectPlace, id: string, log = console.log, options = USUAL) {
  let signIn = (_line: string): void => {};
  const reader = core.handler<{ reads: string; passesOn: never }>({
    sharable: true,
    channelRead(_ctx, line) {
      log(line);
      signIn(line);
    },
  });
  const beats = handlers.HEARTBEAT_PRESETS.relaxed;
  const bootstrap = new core.Bootstrap().options(options).handler(({ pipeline }) =>
    pipeline.addLast(...textLines(), new handlers.HeartbeatHandler(beats), reader),
  );
  const ready = (channel: core.Channel<string, string>) =>
    new Promise<void>((resolve, reject) => {
      signIn = (line) => (line === 'AUTH_OK' ? resolve() : reject(new Error(line)));
      channel.writeAndFlush(`AUTH:${id}`);
    });
  return new ReconnectingClient({ bootstrap, addresses: [place], ready, retry: fixed(1000), ...options });
}

/** Sends and gets so many frames of 0 to 65,535 random bytes; resolves with the digests of both directions. */
export async function exchangeFrames(place: core.ConnectPlace, count: number) {
  const pool = randomBytes(1 << 24);
  const sent = { frames: 0, bytes: 0, digest: 0 };
  const received = { frames: 0, bytes: 0, digest: 0 };
  ...
}
