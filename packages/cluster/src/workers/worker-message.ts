/** Messages between the primary and a worker, beside those of the bus. */
export type WorkerMessage =
  | { readonly headrace: 'ready'; readonly info: unknown }
  | { readonly headrace: 'failed'; readonly error: ErrorText }
  | { readonly headrace: 'drain'; readonly why: 'stop' | 'restart' }
  /** The worker has drained. The primary answers `leave`, after everything that it sent before. */
  | { readonly headrace: 'leaving' }
  | { readonly headrace: 'leave' }
  /** Behind the last answers of the worker. */
  | { readonly headrace: 'left' };

const WORDS: ReadonlySet<unknown> = new Set<WorkerMessage['headrace']>([
  'ready',
  'failed',
  'drain',
  'leaving',
  'leave',
  'left',
]);

/** An error as it goes from process to process. */
export interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** The message if it is one of ours; other parts of the program may send what they like. */
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
