import { randomBytes } from 'node:crypto';
import type { SessionLog } from '@headrace/lasting';
import { expect, it } from 'vitest';

const bytes = (text: string) => Buffer.from(text);
const newId = () => randomBytes(16).toString('hex');

/** What each log does. */
export function describeLog(log: () => SessionLog): void {
  const first = { after: undefined, replaces: true };

  it('knows nothing of an id to which nobody has written', async () => {
    expect(await log().read(newId())).toBe(undefined);
  });

  it('gives the records in order, from the last one that replaced the others', async () => {
    const id = newId();
    let revision = await log().append(id, bytes('one'), first);
    revision = await log().append(id, bytes('two'), { after: revision, replaces: true });
    for (const text of ['three', 'four']) {
      revision = await log().append(id, bytes(text), { after: revision, replaces: false });
    }
    const found = await log().read(id);
    expect(found!.records.map(String)).toEqual(['two', 'three', 'four']);
    expect(found!.revision).toBe(revision);
  });

  it('takes ids of letters, digits, - and _', async () => {
    const id = `-_${randomBytes(6).toString('hex')}Z`;
    const revision = await log().append(id, bytes('a note'), first);
    expect(await log().read(id)).toMatchObject({ revision });
    await log().remove(id, revision!);
    expect(await log().read(id)).toBe(undefined);
  });

  it('gives any bytes back as they were', async () => {
    const id = newId();
    const record = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256));
    await log().append(id, record, first);
    const [stored] = (await log().read(id))!.records;
    expect(record.equals(stored!)).toBe(true);
  });

  it('stores nothing after another revision', async () => {
    const id = newId();
    const revision = await log().append(id, bytes('one'), first);
    await log().append(id, bytes('two'), { after: revision, replaces: false });
    expect(await log().append(id, bytes('three'), first)).toBe(undefined);
    const late = { after: revision, replaces: true };
    expect(await log().append(id, bytes('three'), late)).toBe(undefined);
    expect((await log().read(id))!.records.map(String)).toEqual(['one', 'two']);
  });

  it('lets one of two writers go on', async () => {
    const id = newId();
    const after = await log().append(id, bytes('one'), first);
    const place = { after, replaces: true };
    const both = ['a', 'b'].map((text) => log().append(id, bytes(text), place));
    const done = (await Promise.all(both)).filter((revision) => revision !== undefined);
    expect(done).toHaveLength(1);
    expect((await log().read(id))!.records).toHaveLength(1);
  });

  it('stores a record once that is appended again', async () => {
    const id = newId();
    const after = await log().append(id, bytes('one'), first);
    const place = { after, replaces: false };
    const revision = await log().append(id, bytes('two'), place);
    expect(await log().append(id, bytes('two'), place)).toBe(revision);
    expect((await log().read(id))!.records.map(String)).toEqual(['one', 'two']);
  });

  it('forgets an id, if its revision is the one that is given', async () => {
    const id = newId();
    const before = await log().append(id, bytes('one'), first);
    const now = await log().append(id, bytes('two'), { after: before, replaces: false });
    await log().remove(id, before!);
    expect((await log().read(id))!.records).toHaveLength(2);
    await log().remove(id, now!);
    expect(await log().read(id)).toBe(undefined);
    await log().remove(id, now!);
    // Somebody who still had it cannot write any more.
    expect(await log().append(id, bytes('three'), { after: now, replaces: true })).toBe(undefined);
  });

  it('keeps ids apart', async () => {
    const [one, two] = [newId(), newId()];
    const revision = await log().append(one, bytes('one'), first);
    await log().append(two, bytes('two'), first);
    await log().remove(one, revision!);
    expect((await log().read(two))!.records.map(String)).toEqual(['two']);
  });

  it('gives as many records as there are', async () => {
    const id = newId();
    let after = await log().append(id, bytes('0'), first);
    for (let number = 1; number < 600; number++) {
      after = await log().append(id, bytes(String(number)), { after, replaces: false });
    }
    const found = (await log().read(id))!;
    expect(found.records.map(Number)).toEqual([...Array(600).keys()]);
    expect(found.revision).toBe(after);
  });
}
