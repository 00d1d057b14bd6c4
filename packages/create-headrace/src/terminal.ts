// Questions in a terminal.
import { createInterface } from 'node:readline/promises';
import type { Ask } from './decisions.ts';
import { Cancelled } from './user-error.ts';

/** Asks in the terminal; `undefined` if no person is there. Ctrl+C and Ctrl+D reject with Cancelled. */
export function terminalAsk(): Ask | undefined {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return undefined;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    const end = new AbortController();
    const cancel = (): void => {
      if (end.signal.aborted) return;
      process.stdout.write('\n');
      end.abort();
    };
    lines.once('SIGINT', cancel);
    lines.once('close', cancel);
    try {
      return await lines.question(question, { signal: end.signal });
    } catch {
      throw new Cancelled();
    } finally {
      lines.off('close', cancel);
      lines.close();
    }
  };
}

/** Shows a line while something takes its time; returns what takes it away. A log gets nothing. */
export function showWaiting(text: string): () => void {
  if (process.stderr.isTTY !== true) return () => {};
  process.stderr.write(text);
  return () => void process.stderr.write('\r\u001b[K');
}
