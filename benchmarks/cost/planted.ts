// Losses that the table must catch: each is a change of a built source, made while it is loaded.
import type { Planted } from './measure.ts';

interface PlantedLoss extends Planted {
  readonly name: string;
  /** The row that must cost more. */
  readonly row: string;
}

export const PLANTED: readonly PlantedLoss[] = [
  {
    name: 'the view of a read stays in a field of an old object',
    row: 'echo 32 × 4 × 4096',
    file: 'core/dist/transport/node-handle/handle-transport.js',
    find: 'sink.received(keepRead(count, sink.readMemory, lends ? sink : undefined));',
    replace: 'sink.received((this.lastRead = keepRead(count, sink.readMemory)));',
  },
  {
    name: 'a promise for each message',
    row: 'echo 32 × 1 × 64',
    file: 'handlers/dist/echo/echo-handler.js',
    find: 'echo(ctx, message) {',
    replace: 'echo(ctx, message) {\n        void Promise.resolve();',
  },
  {
    name: 'a flush for each message',
    row: 'echo 32 × 16 × 1024',
    file: 'handlers/dist/echo/echo-handler.js',
    find: 'ctx.write(answer);',
    replace: 'ctx.writeAndFlush(answer);',
  },
];
