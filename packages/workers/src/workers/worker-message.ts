/** Messages between the primary and a worker, besides those of the bus. */
export type WorkerMessage =
  | { readonly headrace: 'ready'; readonly info: unknown }
  | { readonly headrace: 'failed'; readonly error: ErrorText }
  | { readonly headrace: 'drain'; readonly why: 'stop' | 'restart' }
  /** The worker has drained. The primary answers `leave` after all its earlier messages. */
  | { readonly headrace: 'leaving' }
  | { readonly headrace: 'leave' }
  /** Sent after the last answers of the worker. */
  | { readonly headrace: 'left' }
  /** Asks a worker for its report. */
  | { readonly headrace: 'report'; readonly question: number }
  | {
      readonly headrace: 'reported';
      readonly question: number;
      readonly status?: unknown;
      /** Why the worker has no report. */
      readonly failure?: string;
    };

const WORDS: ReadonlySet<unknown> = new Set<WorkerMessage['headrace']>([
  'ready',
  'failed',
  'drain',
  'leaving',
  'leave',
  'left',
  'report',
  'reported',
]);

/** An error in the form for other processes. */
export interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** Returns the message, or undefined for a message of other parts of the program. */
export function asWorkerMessage(message: unknown): WorkerMessage | undefined {
  if (typeof message !== 'object' || message === null || !('headrace' in message)) return undefined;
  return WORDS.has(message.headrace) ? (message as WorkerMessage) : undefined;
}

export function errorText(error: Error): ErrorText {
  return { name: error.name, message: error.message, stack: String(error.stack) };
}

export function errorFrom({ name, message, stack }: ErrorText): Error {
  const error = new Error(String(message));
  error.name = String(name);
  error.stack = String(stack);
  return error;
}
