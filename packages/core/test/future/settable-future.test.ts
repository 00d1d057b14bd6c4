import { SettableFuture } from '@headrace/core/authoring';
import { describe, expect, it, vi } from 'vitest';
import { allSettled } from '../../src/future/all-settled.ts';

describe('SettableFuture', () => {
  it('calls its listeners in their order, and at once when it is settled', () => {
    const future = new SettableFuture();
    const order: number[] = [];
    for (let i = 0; i < 4; i++) future.onSettled(() => order.push(i));
    expect(order).toEqual([]);
    future.succeed();
    future.onSettled(() => order.push(4));
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('a listener that throws does not keep the others from hearing, and does not vanish', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const heard: string[] = [];
    const future = new SettableFuture();
    future.onSettled(() => {
      throw new Error('first');
    });
    future.onSettled((error) => heard.push(String(error?.message)));
    future.fail(new Error('why'));
    future.onSettled(() => {
      throw 'late';
    });
    expect(heard).toEqual(['why']);
    expect(warn.mock.calls.map(([warning]) => String(warning))).toEqual([
      'Error: first',
      'Error: late',
    ]);
    warn.mockRestore();
  });

  it('an asynchronous listener that rejects is a warning, not an unhandled rejection', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const future = new SettableFuture();
    future.onSettled(async () => {
      throw new Error('later');
    });
    future.succeed();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warn.mock.calls.map(([warning]) => String(warning))).toEqual(['Error: later']);
    warn.mockRestore();
  });

  it('a listener that returns the future of a write has not promised anything', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const future = new SettableFuture();
    const write = new SettableFuture();
    future.onSettled(() => write);
    future.succeed();
    write.fail(new Error('closed'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([write.isObserved, warn.mock.calls.length]).toEqual([false, 0]);
    warn.mockRestore();
  });

  it('a long chain of awaits does not overflow the stack', async () => {
    const first = new SettableFuture();
    let last: PromiseLike<void> = first;
    for (let i = 0; i < 20_000; i++) last = last.then(() => {});
    first.succeed();
    await last;
  });

  it('settles once', () => {
    const future = new SettableFuture();
    future.succeed();
    future.fail(new Error('late'));
    expect([future.isSuccess, future.error]).toEqual([true, undefined]);
    const failed = SettableFuture.failed(new Error('first'));
    failed.succeed();
    failed.fail(new Error('second'));
    expect(failed.error?.message).toBe('first');
  });

  it('is awaitable, and has catch and finally', async () => {
    await SettableFuture.succeeded();
    const failed = SettableFuture.failed(new Error('no'));
    await expect(failed).rejects.toThrow('no');
    expect(await failed.catch(() => 'caught')).toBe('caught');
    let ran = false;
    await SettableFuture.succeeded().finally(() => {
      ran = true;
    });
    expect(ran).toBe(true);
  });

  it('knows whether anybody looked at it', () => {
    const future = SettableFuture.failed(new Error('no'));
    future.peekSettled(() => {});
    expect(future.isObserved).toBe(false);
    future.onSettled(() => {});
    expect(future.isObserved).toBe(true);
  });

  it('ignored, a failure is not an unhandled rejection', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    SettableFuture.failed(new Error('nobody cares'));
    new SettableFuture().fail(new Error('nobody cares'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });
});

describe('allSettled', () => {
  it('succeeds at once for none', () => {
    expect(allSettled([]).isSuccess).toBe(true);
  });

  it('waits for all, and fails with the first error in their order', () => {
    const [a, b, c] = [new SettableFuture(), new SettableFuture(), new SettableFuture()];
    const all = allSettled([a!, b!, c!]);
    c!.fail(new Error('c'));
    b!.fail(new Error('b'));
    expect(all.isSettled).toBe(false);
    a!.succeed();
    expect(all.error?.message).toBe('b');
  });
});
