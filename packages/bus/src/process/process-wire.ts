import type { PrimaryWire } from './worker-link.ts';

/** The channel from a worker to its primary, made by `node:cluster`. */
export const processWire: PrimaryWire = {
  get isOpen(): boolean {
    return process.connected;
  },

  send(frame, left): void {
    if (process.connected) process.send!(frame, undefined, undefined, left);
    else left();
  },

  listen(received, gone): () => void {
    process.on('message', received);
    process.once('disconnect', gone);
    return () => {
      process.off('message', received);
      process.off('disconnect', gone);
    };
  },
};
