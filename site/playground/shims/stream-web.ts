export const { ReadableStream, WritableStream, TransformStream } = globalThis;
