// A hub that counts, for the tests of docs/capacity.md.

import { MemoryHub } from '@headrace/bus';
import { Relay } from '@headrace/bus/authoring';
import type { Cluster, ClusterOptions } from '@headrace/cluster';
import { Nodes } from '../nodes.ts';

export interface Count {
  readonly messages: number;
  readonly copies: number;
  /** Of the messages. */
  readonly bytes: number;
}

/** What went over a hub, by the kind of its subject: `g` broadcasts, `p` presence, `nodes` heartbeats. */
export class CountingHub extends MemoryHub {
  private counts = new Map<string, Count>();

  constructor() {
    super();
    const { relay } = this;
    relay.publish = (subject, bytes) => {
      const kind = subject.split('.')[2]!;
      const { messages, copies, bytes: sum } = this.of(kind);
      this.counts.set(kind, {
        messages: messages + 1,
        copies: copies + relay.receivers(subject),
        bytes: sum + bytes.bytes.byteLength,
      });
      Relay.prototype.publish.call(relay, subject, bytes);
    };
  }

  of(kind: string): Count {
    return this.counts.get(kind) ?? { messages: 0, copies: 0, bytes: 0 };
  }

  /** All that is not sent each second whatever happens. */
  ofEvents(): Count {
    const all = [...this.counts].filter(([kind]) => kind !== 'nodes' && kind !== 'b');
    const sum = (name: keyof Count) => all.reduce((sum, [, count]) => sum + count[name], 0);
    return { messages: sum('messages'), copies: sum('copies'), bytes: sum('bytes') };
  }

  reset(): void {
    this.counts = new Map();
  }
}

export async function cluster(size: number, options: Partial<ClusterOptions> = {}) {
  const nodes = new Nodes();
  const hub = new CountingHub();
  Object.assign(nodes, { hub });
  const all: Cluster[] = [];
  for (let i = 0; i < size; i += 1) all.push(await nodes.join(options));
  await nodes.pass(3000);
  return { nodes, hub, all };
}
