import type { ProcessReport, ServedStatus } from '@headrace/handlers/health';

/** The report of a process, with the given parts. */
export function processReport(parts: Partial<ProcessReport> = {}): ProcessReport {
  return {
    name: 'process 7',
    host: 'box',
    pid: 7,
    node: '24.0.0',
    uptimeMs: 3_600_000,
    memory: { rssBytes: 80_000_000, heapUsedBytes: 20_000_000, arrayBufferBytes: 0 },
    connections: { open: 3, opened: 12, closed: {} },
    traffic: {
      bytesRead: 1500,
      bytesWritten: 2_000_000,
      messagesRead: 40,
      messagesWritten: 60,
      writesFailed: 0,
    },
    errors: {},
    channels: { looked: 3, waitingBytes: 0, unwritable: 0, holds: {}, slowest: [] },
    groups: {
      looked: 0,
      isWhole: true,
      slowMembers: { closed: 0, droppedNewest: 0, droppedOldest: 0, coalesced: 0 },
      largest: [],
    },
    ...parts,
  };
}

export function served(...processes: ProcessReport[]): ServedStatus {
  return { headrace: 'status', version: 1, notReady: [], processes, missing: [] };
}
