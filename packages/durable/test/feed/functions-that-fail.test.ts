import { durableGroup, stateGroup } from '@headrace/durable';
import { clustered } from '../../../cluster/test/option/clustered.ts';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';

/** A durable group with two members on two nodes. */
function durable(options: (fails: Failing) => object): Attempt {
  return clustered(
    () => ({}),
    async (nodes, a, b, fails) => {
      const channel = nodes.channel();
      const rooms = [a, b].map((cluster) => durableGroup<string>(cluster, 'room', options(fails)));
      rooms[1]!.add(channel);
      await nodes.pass(100);
      rooms[0]!.write('one').then(
        () => {},
        () => {},
      );
      await nodes.pass(1000);
      channel.abort();
    },
  );
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'join answer': clustered(
    () => ({}),
    async (nodes, a, _b, answer) => {
      const { history } = durableGroup<string>(a, 'room');
      const joining = history.join(nodes.channel(), undefined, { answer });
      joining.catch(() => {});
      await nodes.pass(100);
      await joining;
    },
  ),
  'durableGroup format': durable((format) => ({ format })),
  'stateGroup format': clustered(
    () => ({}),
    async (nodes, a, _b, format) => {
      const group = stateGroup(a, 'state', { format });
      group.set('key', 1).catch(() => {});
      group.join(nodes.channel()).catch(() => {});
      await nodes.pass(100);
    },
  ),
  'stateGroup getState': clustered(
    () => ({}),
    async (nodes, a, _b, getState) => {
      const refreshing = stateGroup(a, 'rows', { getState }).refresh();
      refreshing.catch(() => {});
      await nodes.pass(12_000);
      await refreshing;
    },
  ),
  'durableGroup messageId': durable((messageId) => ({ messageId, format: (text: string) => text })),
});
