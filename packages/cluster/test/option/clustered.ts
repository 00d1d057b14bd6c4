import type { Cluster, ClusterOptions } from '@headrace/cluster';
import type { Logger } from '@headrace/core';
import { expect } from 'vitest';
import type { Attempt, Failing } from '../../../core/test/fixture/function-options.ts';
import { Nodes } from '../nodes.ts';

function loggerOf(errors: string[]): Logger {
  return { log: (_level, text, error) => void errors.push(`${text} ${error?.message}`) };
}

/** Two nodes, to which something happens; both leave. */
export function clustered(
  options: (fails: Failing) => Partial<ClusterOptions<string>>,
  act: (nodes: Nodes, a: Cluster<string>, b: Cluster<string>, fails: Failing) => unknown = () => {},
): Attempt {
  return async (fails, errors) => {
    const nodes = new Nodes();
    const logger = loggerOf(errors);
    const both: Cluster<string>[] = [];
    try {
      both.push(await nodes.join<string>({ logger, ...options(fails) }));
      both.push(await nodes.join<string>({ logger, roles: ['worker'] }));
      await nodes.pass(3000);
      await act(nodes, both[0]!, both[1]!, fails);
    } catch (error) {
      errors.push((error as Error).message);
    }
    await nodes.pass(5000);
    let left = 0;
    for (const cluster of both) {
      void cluster.leave().then(() => {
        left += 1;
      });
    }
    await nodes.pass(20_000);
    expect(left).toBe(both.length);
  };
}
