import { stderrLogger } from '@headrace/core';
import { runWorkers, type WorkerContext, type Workers } from '@headrace/workers';
import type { ChatNode } from './chat-node.ts';

export interface NodesOptions {
  readonly count: number;
  readonly start: (context: WorkerContext) => Promise<ChatNode>;
  /** One line for standard output. */
  readonly print: (line: string) => void;
  readonly onEnd?: () => void;
}

/** How long members may take to go; the chat's own time is shorter. */
const DRAIN_MS = 10_000;

/**
 * Runs the nodes of a chat as processes of their own. Prints where they listen, then the process of each, and of each
 * that takes the place of another one later. Returns in the first process only.
 */
export async function runNodes({ count, start, print, onEnd }: NodesOptions): Promise<Workers> {
  let isListening = false;
  const printNode = (number: number, pid: number): void => print(`node ${number}: process ${pid}`);
  const workers = await runWorkers({
    count,
    start,
    drainTimeoutMs: DRAIN_MS,
    logger: stderrLogger('warn'),
    onWorker: (event) => {
      if (isListening && event.type === 'started') printNode(event.number, event.pid);
    },
    ...(onEnd && { onEnd }),
  });
  isListening = true;
  const nodes = workers.list();
  print(String(nodes[0]?.info));
  for (const { number, pid } of nodes) printNode(number, pid);
  return workers;
}
