import { isHeadraceError } from '@headrace/core';
import { Call } from '../call/call.ts';
import type { ItemReader } from '../call/item-reader.ts';
import type { ItemSource } from '../call/item-source.ts';
import type { ItemWindow, ItemWriter } from '../call/item-writer.ts';

/** What a call does with items, besides its body. */
export interface CallStreams {
  /** The items of the answerer; without it the call has one answer. */
  readonly reader: ItemReader | undefined;
  /** The window of that reader. */
  readonly window: ItemWindow | undefined;
  readonly input: ItemSource | undefined;
  readonly writer: ItemWriter | undefined;
}

/** A call whose caller sends items, or takes them, or both. */
export class StreamCall extends Call {
  streams: CallStreams | undefined = undefined;

  /** It is over, with or without an error: nothing is sent or taken any more. */
  stop(error?: Error): void {
    const { reader, writer } = this.streams!;
    writer?.stop();
    if (error === undefined) reader?.end();
    else reader?.fail(error, endsAtOnce(error));
  }
}

/** The caller itself has ended the call: items that wait are not wanted. */
function endsAtOnce(error: Error): boolean {
  return isHeadraceError(error, 'OPERATION_ABORTED') || isHeadraceError(error, 'TIMEOUT_REQUEST');
}
