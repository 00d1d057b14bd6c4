import { isHeadraceError } from '@headrace/core';
import type { ItemSource } from '@headrace/core/authoring';
import { Call } from '@headrace/handlers/call';
import type { ItemReader } from '../items/item-reader.ts';
import type { ItemWindow, ItemWriter } from '../items/item-writer.ts';

/** The items of a call, besides its body. */
export interface CallStreams {
  /** Reader of the answerer's items. Without a reader, the call has one answer. */
  readonly reader: ItemReader | undefined;
  readonly window: ItemWindow | undefined;
  readonly input: ItemSource | undefined;
  readonly writer: ItemWriter | undefined;
}

/** A call whose caller sends items, takes items, or does both. */
export class StreamCall extends Call {
  streams: CallStreams | undefined = undefined;

  /** Ends the items, with or without an error. No further item is sent or taken. */
  stop(error?: Error): void {
    const { reader, writer } = this.streams!;
    writer?.stop();
    if (error === undefined) reader?.end();
    else reader?.fail(error, endsAtOnce(error));
  }
}

/** Whether the caller itself has ended the call, so that waiting items are dropped. */
function endsAtOnce(error: Error): boolean {
  return isHeadraceError(error, 'OPERATION_ABORTED') || isHeadraceError(error, 'TIMEOUT_REQUEST');
}
