// A channel whose transport takes everything at once and sends nothing: what remains is Headrace itself.
// The public way makes one channel with options of its own; here many share theirs.
import { resolveChannelOptions } from '../../packages/core/dist/channel/channel-options.js';
import * as channels from '../../packages/core/dist/channel/transport-channel.js';
import { coalesce } from '../../packages/core/dist/transport/coalesce.js';
import { moduleOf } from './revision.mjs';

const { sizeOfBytes } = await moduleOf(
  'bytes/byte-source',
  'internal/byte-source',
  'internal/size-of-bytes',
  'transport/byte-source',
);
const { gather, reuseGathered } = await gathering();

/** Where small messages are copied together. */
async function gathering() {
  const { GatheringMemory } = await moduleOf('transport/socket-memory');
  if (GatheringMemory !== undefined) {
    const memory = new GatheringMemory();
    return {
      gather: (messages, bytes) => memory.gather(messages, bytes),
      reuseGathered: () => memory.reuse(),
    };
  }
  const { StreamBinding } = await moduleOf('transport/node-handle/stream-binding');
  if (StreamBinding === undefined)
    return moduleOf('transport/node-handle/gather', 'transport/gather');
  const binding = new StreamBinding({ streamBaseState: new Int32Array(8) });
  return {
    gather: (messages, bytes) => binding.gather(messages, bytes),
    reuseGathered: () => binding.reuseGathered(),
  };
}

/** Time stands still: a broadcast is not cut into slices, and no timer costs anything. */
const clock = {
  now: () => 0,
  schedule: () => ({ cancel() {} }),
  execute: (task) => process.nextTick(task),
  nextTurn: (task) => setImmediate(task),
  turns: { endOfShare: () => 1, wait() {} },
  deadlines: { add() {}, remove() {} },
};
// A loop of a benchmark is one turn, whose time shall not end.
const options = {
  real: resolveChannelOptions({ readBudgetMs: 1e9 }),
  still: resolveChannelOptions({ clock }),
};

class NullTransport {
  accepts = 'Buffers';
  isActive = true;
  localAddress = undefined;
  remoteAddress = undefined;
  unsentBytes = 0;
  writtenBytes = 0;

  open(sink) {
    this.sink = sink;
  }

  requestRead() {}
  pauseReading() {}
  shutdownOutput() {}
  close() {}
  abort() {}

  sizeOf(message) {
    return sizeOfBytes(message);
  }

  /** As a real one up to the system call: what is small is copied together. */
  write(messages, bytes) {
    const gathered = gather?.(messages, bytes);
    if (gathered !== undefined) {
      this.writtenBytes += gathered.length;
      reuseGathered?.();
    } else for (const buffer of coalesce(messages)) this.writtenBytes += buffer.length;
    return true;
  }
}

/** The transport of a registered channel with these handlers, with its `channel` and its `sink`. */
export function nullTransport(...handlers) {
  return transportWith(options.real, handlers);
}

export function nullChannel(...handlers) {
  return nullTransport(...handlers).channel;
}

/** As {@link nullChannel}, without time. */
export function timelessChannel(...handlers) {
  return transportWith(options.still, handlers).channel;
}

function transportWith(options, handlers) {
  const transport = new NullTransport();
  const channel = new channels.TransportChannel(transport, options);
  transport.channel = channel;
  channel.pipeline.addLast(...handlers);
  if (channels.startChannel === undefined) channel.register();
  else channels.startChannel(channel);
  return transport;
}

export class PassThroughHandler {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}
