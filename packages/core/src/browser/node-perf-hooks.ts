// Replaces `node:perf_hooks` in a page.

const { performance } = globalThis;

export { performance };
