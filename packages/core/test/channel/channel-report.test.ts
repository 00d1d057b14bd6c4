import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it, vi } from 'vitest';

const broken = {
  log(_level: string, message: string) {
    throw new Error(message.replace(/^\[.*?\] /, ''));
  },
};

it('a logger that throws becomes a warning of the process, and ends nothing', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const channel = EmbeddedChannel.with(
    { logger: broken },
    {
      exceptionCaught() {
        throw new Error('no');
      },
    },
  );
  channel.pipeline.fireExceptionCaught(new Error('first'));
  channel.run(() => channel.write('never flushed'));
  channel.close();
  channel.runPendingTasks();
  expect(warn.mock.calls.map(([warning]) => (warning as Error).message)).toEqual([
    'Handler#0.exceptionCaught threw while it handled "first"',
    'a write failed, and nothing handled its error',
  ]);
  warn.mockRestore();
});
