// Replaces `node:stream/web` in a page.

const { ReadableStream, WritableStream } = globalThis;

export { ReadableStream, WritableStream };
