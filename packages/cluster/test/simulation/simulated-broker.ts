import { Buffer } from 'node:buffer';
import { lengthPrefixed } from '@headrace/codec';
import { type Channel, type Context, ServerBootstrap } from '@headrace/core';
import type { SimulatedHost } from '@headrace/simulation';
import { decodeFrame, encodeFrame, OP } from './broker-frame.ts';
import { BrokerDisk, liveSubject, stored, unpacked } from './broker-log.ts';
import { changedSubject, storedChange } from './broker-state.ts';

export const BROKER_PORT = 4222;
export const MAX_FRAME = 2 * 1024 * 1024;
/** What an answer of the log begins with: the number of its question. */
const NUMBER_BYTES = 4;

/**
 * A broker on a simulated machine: subjects, and a log on a disk. What a server like NATS is for a bus.
 *
 * @param disk - what is left of a crash
 */
export async function runBroker(host: SimulatedHost, disk = new BrokerDisk()): Promise<void> {
  disk.started(host.random);
  const subscribers = new Map<string, Set<Channel>>();
  const forget = (channel: Channel) => {
    for (const channels of subscribers.values()) channels.delete(channel);
  };
  const sendTo = (channel: Channel, frame: Buffer) => {
    channel.writeAndFlush(frame).onSettled(() => {});
  };
  const answerLog = (op: number, stream: string, question: Buffer): Buffer => {
    const bytes = question.subarray(NUMBER_BYTES);
    if (op === OP.read) {
      const { after, limit } = JSON.parse(String(bytes)) as { after: number; limit: number };
      const page = disk.read(stream, after, limit);
      return Buffer.from(JSON.stringify({ ...page, entries: page.entries.map(stored) }));
    }
    const { id, bytes: message } = unpacked(bytes);
    const { position, entry } = disk.append(stream, id, message);
    if (entry !== undefined) {
      const frame = encodeFrame(OP.live, stream, Buffer.from(JSON.stringify(stored(entry))));
      for (const one of subscribers.get(liveSubject(stream)) ?? []) {
        if (!disk.losesCopy(host)) sendTo(one, frame);
      }
    }
    return Buffer.from(JSON.stringify(position));
  };
  const answerState = (op: number, stream: string, question: Buffer): Buffer => {
    const text = question.toString('utf8', NUMBER_BYTES);
    const { answer, entry } = disk.states.answer(op, stream, text, host.clock.now());
    if (entry !== undefined) {
      const frame = encodeFrame(
        OP.changed,
        stream,
        Buffer.from(JSON.stringify(storedChange(entry))),
      );
      for (const one of subscribers.get(changedSubject(stream)) ?? []) {
        if (!disk.losesCopy(host)) sendTo(one, frame);
      }
    }
    return Buffer.from(JSON.stringify(answer));
  };
  const take = (channel: Channel, message: Buffer) => {
    const { op, subject, bytes } = decodeFrame(message);
    if (op === OP.change || op === OP.readState) {
      const number = bytes.subarray(0, NUMBER_BYTES);
      sendTo(
        channel,
        encodeFrame(op, subject, Buffer.concat([number, answerState(op, subject, bytes)])),
      );
      return;
    }
    if (op === OP.append || op === OP.read) {
      const number = bytes.subarray(0, NUMBER_BYTES);
      const answer = Buffer.concat([number, answerLog(op, subject, bytes)]);
      sendTo(channel, encodeFrame(op, subject, answer));
      return;
    }
    const channels = subscribers.get(subject) ?? new Set();
    subscribers.set(subject, channels);
    if (op === OP.subscribe) channels.add(channel);
    else if (op === OP.unsubscribe) channels.delete(channel);
    else if (op === OP.publish) for (const one of channels) sendTo(one, message);
    else if (op === OP.ping) channel.writeAndFlush(message);
    else channel.writeAndFlush(encodeFrame(op, subject, Buffer.from([channels.size])));
  };
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast(...lengthPrefixed({ maxFrameLength: MAX_FRAME }), {
        channelRead: (ctx: Context, message: Buffer) => take(ctx.channel, message),
        channelInactive: (ctx: Context) => forget(ctx.channel),
      }),
    )
    .bind({ network: host, port: BROKER_PORT });
}
