// The handlers that begin every pipeline of frames under test, servers' and without a socket.
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { IdleStateHandler } from '@headrace/handlers';

export const frameHandlers = (readerIdleMs = 60_000, maxFrameLength = 1 << 20) => [
  new IdleStateHandler({ readerIdleMs }),
  new LengthFieldFrameDecoder({
    maxFrameLength,
    lengthFieldLength: 4,
    initialBytesToStrip: 4,
  }),
  new LengthFieldPrepender({ lengthFieldLength: 4 }),
];
