// What the trials of all files share: servers, clients, and what waits for messages.
import { Bootstrap, ServerBootstrap } from '@headrace/core';

const LOCAL = '127.0.0.1';

/** Answers with what it reads. */
export const echo = {
  sharable: true,
  channelRead: (ctx, message) => void ctx.writeAndFlush(message),
};

/** A server on a free port, or at `where`; its connections get the handlers that `handlers` makes. */
export function serve(handlers, where = {}, childOptions = {}) {
  return new ServerBootstrap()
    .childOptions(childOptions)
    .childHandler((channel) => void channel.pipeline.addLast(...handlers(channel)))
    .bind({ ...('path' in where ? {} : { host: LOCAL, port: 0 }), ...where });
}

/** A client of it, or of what listens at `where`. */
export function dial(server, handlers = () => [], where = {}, options = {}) {
  const place = 'path' in where ? {} : { host: LOCAL, port: server.port };
  return new Bootstrap()
    .options(options)
    .handler((channel) => void channel.pipeline.addLast(...handlers(channel)))
    .connect({ ...place, ...where });
}

/** The next `count` messages of a channel. */
export async function take(channel, count) {
  const messages = [];
  // Not `for await`: leaving that closes the channel.
  const incoming = channel[Symbol.asyncIterator]();
  while (messages.length < count) {
    const { value, done } = await incoming.next();
    if (done) break;
    messages.push(value);
  }
  return messages;
}

/** How a channel closed. */
export async function closeOf(channel) {
  const { reason, by } = await channel.closed;
  return `${reason} by ${by}`;
}

/** The next channel that the server accepts, before its TLS handshake if it has one. */
export function nextChild(server) {
  return new Promise((resolve) => server.once('connection', resolve));
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
