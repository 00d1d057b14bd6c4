// A node whose members are asked by another one, for asked-members.heavy.test.ts.
import { AskedNode, type MemberKind } from './asked-node.ts';
import type { BusChoice } from './bus-choice.ts';
import { serveOrders, settings } from './orders.ts';

const { bus } = settings<{ bus: BusChoice }>();
const node = await AskedNode.join(bus);

serveOrders({
  add: (counts: Record<MemberKind, number>) => node.add(counts),
  release: () => node.release(),
  cancelled: () => node.cancelled,
  told: () => node.told(),
});
