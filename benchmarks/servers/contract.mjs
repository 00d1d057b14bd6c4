// The contract of a pipeline in one file: what each frame costs at least if handlers are objects that anybody may replace.
// The sockets are those of the server by hand, so the difference to it is the price of the contract, and the difference to
// Headrace is what could be saved without changing the contract.

const FAILED = 2;
const SETTLED = 3;
/** What the accounting adds for each message, as in Headrace. */
const OVERHEAD = 64;
const View = Buffer[Symbol.species];

/** The result of a write; the writes between two flushes share it. */
class Segment {
  flags = 0;
  listener = undefined;
  messages = [];
  cost = 0;

  settle(flag) {
    if ((this.flags & SETTLED) !== 0) return;
    this.flags |= flag;
    this.listener?.(flag === FAILED);
  }
}

/** The place of a handler: it calls the handler, and catches what it throws. */
export class Context {
  isAdded = true;

  constructor(pipeline, handler) {
    this.pipeline = pipeline;
    this.handler = handler;
    this.name = handler.constructor.name;
    this.next = this.prev = this.nextReader = this.prevWriter = this.nextCompleter = undefined;
  }

  fireChannelRead(message) {
    this.nextReader?.invokeChannelRead(message);
  }

  invokeChannelRead(message) {
    if (!this.isAdded) return this.fireChannelRead(message);
    try {
      const handled = this.handler.channelRead(this, message);
      if (handled !== undefined) handled.catch((error) => this.pipeline.fail(error));
    } catch (error) {
      this.pipeline.fail(error);
    }
  }

  fireChannelReadComplete() {
    this.nextCompleter?.invokeChannelReadComplete();
  }

  invokeChannelReadComplete() {
    try {
      this.handler.channelReadComplete(this);
    } catch (error) {
      this.pipeline.fail(error);
    }
  }

  write(message) {
    const { prevWriter, pipeline } = this;
    return prevWriter === undefined
      ? pipeline.output.write(message)
      : prevWriter.invokeWrite(message);
  }

  invokeWrite(message) {
    if (!this.isAdded) return this.write(message);
    try {
      return this.handler.write(this, message);
    } catch (error) {
      return this.pipeline.output.failed(error);
    }
  }

  flush() {
    this.pipeline.output.flush();
  }
}

export class Pipeline {
  holds = 0;
  isOpen = true;

  constructor(socket, handlers) {
    this.socket = socket;
    this.output = new Output(socket);
    const contexts = handlers.map((handler) => new Context(this, handler));
    this.first = contexts[0];
    const after = (at, method) => contexts.slice(at + 1).find((one) => one.handler[method]);
    const before = (at, method) => contexts.slice(0, at).findLast((one) => one.handler[method]);
    for (const [at, context] of contexts.entries()) {
      context.next = contexts[at + 1];
      context.prev = contexts[at - 1];
      context.nextReader = after(at, 'channelRead');
      context.nextCompleter = after(at, 'channelReadComplete');
      context.prevWriter = before(at, 'write');
    }
  }

  received(chunk) {
    this.first.invokeChannelRead(chunk);
    this.first.invokeChannelReadComplete();
  }

  fail() {
    this.isOpen = false;
    this.socket.destroy();
  }
}

/** Accounts for what is written, and gathers it at the flush. */
class Output {
  queued = 0;
  high = 64 * 1024;
  isWritable = true;
  segment = undefined;

  constructor(socket) {
    this.socket = socket;
  }

  write(message) {
    const size = byteLengthOf(message);
    if (!(size >= 0)) return this.failed(new TypeError('not bytes'));
    this.segment ??= new Segment();
    const { segment } = this;
    segment.messages.push(message);
    segment.cost += size + OVERHEAD;
    this.queued += size + OVERHEAD;
    if (this.queued > this.high) this.isWritable = false;
    return segment;
  }

  failed() {
    const segment = new Segment();
    segment.settle(FAILED);
    return segment;
  }

  flush() {
    const { segment } = this;
    if (segment === undefined) return;
    this.segment = undefined;
    const { messages, cost } = segment;
    const bytes = Buffer.allocUnsafe(cost - messages.length * OVERHEAD);
    let at = 0;
    for (let i = 0; i < messages.length; i += 1) {
      const message = messages[i];
      if (message instanceof Uint8Array) bytes.set(message, at);
      else message.writeTo(bytes, at);
      at += byteLengthOf(message);
    }
    this.socket.write(bytes);
    this.queued -= cost;
    this.isWritable = this.queued <= this.high;
    segment.settle(1);
  }
}

const byteLengthOf = (message) =>
  message instanceof Uint8Array ? message.length : message.byteLength;

export class Idle {
  isReading = false;
  readAt = 0;

  channelRead(ctx, message) {
    this.isReading = true;
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx) {
    if (this.isReading) this.readAt = performance.now();
    this.isReading = false;
    ctx.fireChannelReadComplete();
  }
}

export class FrameDecoder {
  rest = undefined;

  channelRead(ctx, chunk) {
    const input = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    const { pipeline } = ctx;
    const { buffer, byteOffset, length } = input;
    let at = 0;
    while (length - at >= 4) {
      const size = input.readUInt32BE(at);
      if (size > 1 << 20) throw new RangeError('too long');
      if (length - at - 4 < size) break;
      const body = new View(buffer, byteOffset + at + 4, size);
      at += 4 + size;
      ctx.fireChannelRead(body);
      // What a handler may do at each message: hold reads, or end the channel.
      if (pipeline.holds > 0 || !pipeline.isOpen) break;
    }
    if (at < length) this.rest = input.subarray(at);
  }

  channelReadComplete(ctx) {
    ctx.fireChannelReadComplete();
  }
}

class Prefixed {
  constructor(body) {
    this.body = body;
  }

  get byteLength() {
    return 4 + byteLengthOf(this.body);
  }

  writeTo(target, at) {
    const { body } = this;
    target.writeUInt32BE(byteLengthOf(body), at);
    if (body instanceof Uint8Array) target.set(body, at + 4);
    else body.writeTo(target, at + 4);
  }
}

export class Prepender {
  write(ctx, message) {
    if (byteLengthOf(message) > 0xffff_ffff) throw new RangeError('too long');
    return ctx.write(new Prefixed(message));
  }
}

export class PassThrough {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}

class TextBytes {
  constructor(text) {
    this.text = text;
    this.byteLength = Buffer.byteLength(text);
  }

  writeTo(target, at) {
    target.utf8Write(this.text, at);
  }
}

export class TextCodec {
  channelRead(ctx, bytes) {
    const text = bytes.utf8Slice(0, bytes.length);
    if (text.includes('\uFFFD')) throw new TypeError('not UTF-8');
    ctx.fireChannelRead(text);
  }

  write(ctx, text) {
    const bytes = new TextBytes(text);
    if (bytes.byteLength !== text.length && !text.isWellFormed()) throw new TypeError('no UTF-8');
    return ctx.write(bytes);
  }
}

export class Echo {
  channelRead(ctx, message) {
    const { pipeline } = ctx;
    if (!pipeline.output.isWritable) ctx.flush();
    if (pipeline.isOpen) ctx.write(message);
  }

  channelReadComplete(ctx) {
    ctx.flush();
    ctx.fireChannelReadComplete();
  }
}
