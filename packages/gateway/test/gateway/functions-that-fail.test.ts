import { EmbeddedChannel } from '@headrace/core/testing';
import { Gateway, Worker } from '@headrace/gateway';
import { clustered } from '../../../cluster/test/option/clustered.ts';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';

/** A gateway on the first node and a worker on the second; a client comes, writes and leaves, and another is served. */
function gatewayed(
  parts: (fails: Failing) => { readonly gateway?: object; readonly worker?: object },
): Attempt {
  return clustered(
    () => ({}),
    async (nodes, a, b, fails) => {
      const { gateway = {}, worker = {} } = parts(fails);
      const held = new Gateway<string>({ cluster: a, ...gateway });
      new Worker<string>({ cluster: b, onMessage: () => {}, ...worker });
      await nodes.pass(2000);
      for (const text of ['one', 'two']) {
        const channel = EmbeddedChannel.with(
          { clock: nodes.clock, logger: a['context'].wire.host.logger },
          held.handler(),
        );
        channel.writeInbound(text);
        await nodes.pass(50);
        channel.abort();
        channel.checkException();
        await nodes.pass(50);
      }
      held.close();
    },
  );
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'Gateway attributes': gatewayed((attributes) => ({ gateway: { attributes } })),
  'Worker onConnect': gatewayed((onConnect) => ({ worker: { onConnect } })),
  'Worker onMessage': gatewayed((onMessage) => ({ worker: { onMessage } })),
  'Worker onClose': gatewayed((onClose) => ({ worker: { onClose } })),
});
