// Of `node:worker_threads` what a page has, too.
export const { MessageChannel, MessagePort } = globalThis;
export default { MessageChannel, MessagePort };
