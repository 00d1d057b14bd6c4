import type { GroupWire } from '@headrace/cluster/authoring';
import { OptionError } from '@headrace/core';
import { recordsOf } from '@headrace/store';
import type { SessionRecords } from '../namespace/namespace-nodes.ts';

/** Returns the sessions of a namespace in the store of a bus. @throws OptionError for a bus without records */
export function sessionRecordsOf({ bus, subjects }: GroupWire, name: string, keepMs: number) {
  const records = recordsOf(bus);
  if (records === undefined) {
    const text = `durableNodes needs a bus that keeps records, and ${bus.name} does not; memoryBus(), processBus(), natsBus() and redisBus() do`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'nodes', bus: bus.name });
  }
  const stream = subjects.records(`socket.io ${name}`);
  // The bus can be down. The stream is then opened when a call needs it.
  records.open(stream, { keepMs }).catch(() => {});
  const sessions: SessionRecords = {
    async read(key) {
      const known = await records.read(stream, key);
      const bytes = known?.records.at(-1);
      return bytes && { bytes, revision: known!.revision };
    },
    write: (key, bytes, after) => records.append(stream, { key, bytes, after, replaces: true }),
    remove: (key, after) => records.remove(stream, key, after),
  };
  return sessions;
}
