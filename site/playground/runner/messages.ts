/** What a page can show; a reader's endless loop is stopped there. */
export const MAX_LINES = 1000;
/** Of one line. */
export const MAX_CHARACTERS = 10_000;

/** To the worker: the sample, and where its imports come from. */
export interface ToWorker {
  readonly code: string;
  readonly modules: Readonly<Record<string, string>>;
}

/** Why a sample did not end by itself. */
export interface Failure {
  readonly text: string;
  /** The page about this error. */
  readonly help?: string | undefined;
  /** The line of the sample, the first is 1. */
  readonly line?: number | undefined;
}

/** From the worker. A picture is the text of an SVG. */
export type FromWorker =
  | { readonly do: 'draw'; readonly picture: string }
  | { readonly do: 'print'; readonly stream: 'out' | 'error'; readonly text: string }
  | ({ readonly do: 'fail' } & Failure)
  | { readonly do: 'end' };
