// The echo pipeline on a plain channel and on a lasting one, without a socket, in turn in one process.
import { EchoHandler } from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { bufferPlace, bufferView } from '../../packages/core/dist/bytes/buffer-view.js';
import { OPEN } from '../load/protocols.mjs';
import { frameHandlers } from '../servers/frames.mjs';
import { report } from './measure.mjs';
import { nullTransport, PassThroughHandler } from './null-channel.mjs';
import { keepRead, readBuffer } from './revision.mjs';

const CHANNELS = 50;
const MESSAGES = 128_000;
const DATA = 6;
const ACK = 7;
const MANY = 10;
const MANY_BYTES = 1024;
/** As in the load of `npm run bench -- lasting`: the client acknowledges each time so many echoes have come. */
const ACK_EVERY = 64;

const framing = () => [...frameHandlers()];
const echo = () => [new PassThroughHandler(), new EchoHandler()];

function framed(...payloads) {
  return Buffer.concat(
    payloads.flatMap((payload) => {
      const header = Buffer.alloc(4);
      header.writeUInt32BE(payload.length);
      return [header, payload];
    }),
  );
}

function burst(frames, payload) {
  return framed(...Array.from({ length: frames }, () => payload));
}

/** As a client sends a flush: short messages together in frames. */
function lastingBurst(frames, payload) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(payload.length);
  const most = Math.floor((MANY_BYTES - 1) / (payload.length + 2));
  const bursts = [];
  for (let left = frames; left > 0; left -= most) {
    const count = Math.min(left, most);
    if (count === 1) bursts.push(Buffer.concat([Buffer.of(DATA), payload]));
    else
      bursts.push(Buffer.concat([Buffer.of(MANY), ...Array(count).fill([length, payload]).flat()]));
  }
  return framed(...bursts);
}

function arrive({ sink }, bytes) {
  bytes.copy(readBuffer);
  sink.received(keepRead(bytes.length));
  sink.readComplete();
}

function plainEcho(frames, bytes) {
  const transports = Array.from({ length: CHANNELS }, () => nullTransport(...framing(), ...echo()));
  const requests = burst(frames, Buffer.alloc(bytes, 'x'));
  return (count) => {
    for (let i = 0; i < count; i += frames) arrive(transports[(i / frames) % CHANNELS], requests);
    checkWritten(transports, (count / CHANNELS - frames) * (bytes + 4));
  };
}

function lastingEcho(frames, bytes) {
  const table = new ResumeTable();
  const childOptions = { readBudgetMs: 1e9 };
  const childHandler = ({ pipeline }) => pipeline.addLast(...echo());
  const open = () => {
    const resume = new ResumeHandler({ table, childHandler, childOptions });
    const transport = nullTransport(...framing(), resume);
    arrive(transport, OPEN);
    return { transport, received: 0, acknowledged: 0 };
  };
  const links = Array.from({ length: CHANNELS }, open);
  const requests = lastingBurst(frames, Buffer.alloc(bytes, 'x'));
  const withAck = Buffer.concat([requests, framed(Buffer.alloc(7, ACK))]);
  return (count) => {
    for (let i = 0; i < count; i += frames) {
      const link = links[(i / frames) % CHANNELS];
      if (link.received - link.acknowledged < ACK_EVERY) arrive(link.transport, requests);
      else {
        withAck.writeUIntBE(link.received, withAck.length - 6, 6);
        link.acknowledged = link.received;
        arrive(link.transport, withAck);
      }
      link.received += frames;
    }
    const transports = links.map(({ transport }) => transport);
    checkWritten(transports, (count / CHANNELS - frames) * (bytes + 2));
  };
}

/**
 * The least that a lasting channel can do: a view of each message behind the kind byte, a second pipeline with its own
 * output, one kept copy with headers in memory that serves again, and one write. No protocol, no counts of the credit,
 * no acknowledgements.
 */
function strippedEcho(frames, bytes) {
  const kept = Buffer.allocUnsafeSlow(1 << 16);
  const open = () => {
    let link;
    const lasting = nullTransport(...echo());
    lasting.write = (messages) => {
      let at = 0;
      for (const message of messages) {
        kept.writeUInt32BE(message.length + 1, at);
        kept[at + 4] = DATA;
        kept.set(message, at + 5);
        at += message.length + 5;
      }
      const { buffer, byteOffset } = kept;
      const writeTo = (target, offset) => target.set(bufferView(buffer, byteOffset, at), offset);
      link.write({ byteLength: at, writeTo });
      link.flush();
      return true;
    };
    return nullTransport(...framing().slice(0, 2), {
      handlerAdded(ctx) {
        link = ctx;
      },
      channelRead(_ctx, frame) {
        const { memory, offset } = bufferPlace(frame);
        lasting.sink.received(bufferView(memory, offset + 1, frame.length - 1));
      },
      channelReadComplete() {
        lasting.sink.readComplete();
      },
    });
  };
  const transports = Array.from({ length: CHANNELS }, open);
  const requests = burst(frames, Buffer.concat([Buffer.of(DATA), Buffer.alloc(bytes, 'x')]));
  return (count) => {
    for (let i = 0; i < count; i += frames) arrive(transports[(i / frames) % CHANNELS], requests);
    checkWritten(transports, (count / CHANNELS - frames) * (bytes + 5));
  };
}

/** Echoes that did not come would cost nothing. */
function checkWritten(transports, leastBytes) {
  for (const { writtenBytes } of transports) {
    if (writtenBytes < leastBytes) throw new Error(`${writtenBytes} bytes came`);
  }
}

function cpuOf(run) {
  const before = process.cpuUsage();
  run(MESSAGES);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / MESSAGES;
}

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
for (const [frames, bytes] of [
  [64, 64],
  [16, 64],
  [1, 64],
]) {
  const plain = plainEcho(frames, bytes);
  const lasting = lastingEcho(frames, bytes);
  const stripped = strippedEcho(frames, bytes);
  const values = { plain: [], lasting: [], ratio: [], least: [] };
  for (let i = -3; i < rounds; i += 1) {
    const a = cpuOf(plain);
    const b = cpuOf(lasting);
    const c = cpuOf(stripped);
    if (i < 0) continue;
    values.plain.push(a);
    values.lasting.push(b);
    values.ratio.push(b / a);
    values.least.push(c / a);
  }
  const title = `bursts of ${frames} x ${bytes}`;
  report(`echo on a plain channel, ${title}`, 'ns per message', values.plain);
  report(`echo on a lasting channel, ${title}`, 'ns per message', values.lasting);
  report(`a lasting channel against a plain one, ${title}`, 'ratio', values.ratio);
  report(`the least of a lasting channel against a plain one, ${title}`, 'ratio', values.least);
}
