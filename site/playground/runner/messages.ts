/** To the worker: the sample, and where its imports come from. */
export interface ToWorker {
  readonly code: string;
  readonly modules: Readonly<Record<string, string>>;
}

/** From the worker. */
export type FromWorker =
  | { readonly do: 'print'; readonly stream: 'out' | 'error'; readonly text: string }
  | { readonly do: 'fail'; readonly text: string; readonly help: string | undefined }
  | { readonly do: 'end' };
