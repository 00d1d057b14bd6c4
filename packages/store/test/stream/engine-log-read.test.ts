import { EngineAnswers } from '@headrace/bus/authoring';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { checkLogLimits, type LogLink } from '../../src/contract/log.ts';
import { EngineLog } from '../../src/stream/engine-log.ts';

/** A link that answers nothing but `open`. */
const LINK: LogLink = {
  open: async () => {},
  append: () => new Promise(() => {}),
  read: () => new Promise(() => {}),
  follow: () => ({ close: () => {} }),
};

describe('EngineLog.open', () => {
  it('says that the bus was closed, like append and read, and not that it is down', async () => {
    const answers = new EngineAnswers('test://here');
    answers.opened({ clock: new VirtualClock(), logger: { log: () => {} } });
    const log = new EngineLog(answers, 'durable groups', checkLogLimits);
    log.close();
    await expect(log.open('room', { messages: 1, ageMs: 1 })).rejects.toThrow('was closed');
    await expect(log.read('room', 0, 1)).rejects.toThrow('was closed');
  });
});

describe('EngineLog.read', () => {
  it('rejects when the link is lost right before it would have been asked', async () => {
    const answers = new EngineAnswers('test://here');
    answers.opened({ clock: new VirtualClock(), logger: { log: () => {} } });
    const log = new EngineLog(answers, 'durable groups', checkLogLimits);
    log.linked(LINK);
    log.linkUp();
    await log.open('room', { messages: 1, ageMs: 1 });
    const reading = log.read('room', 0, 1);
    log.unlinked();
    answers.unlinked();
    await expect(reading).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });
});
